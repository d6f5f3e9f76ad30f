//! Stacks that the tests of one suite share, one test at a time: to start an Envoy for each would
//! take most of the time, and a test that counts what reached the service must be alone with it.
use std::sync::LazyLock;

use harness::stack::{Builder, Stack};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, OnceCell};

use crate::Shop;

/// Outlives every test: connections and stacks belong to the runtime that made them.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Runs a test that has a stack of its own.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    RUNTIME.block_on(test)
}

/// A shop that starts with the first test that visits it, and ends with the program.
pub struct Shared {
    name: &'static str,
    make: Make,
    shop: OnceCell<Result<Mutex<Shop>, String>>,
}

enum Make {
    WithDevIdp(fn(Builder) -> Builder),
    WithKeycloak,
}

impl Shared {
    /// A shop as it ships, whose tokens are a development provider's.
    pub const fn named(name: &'static str) -> Self {
        Self::made(name, |stack| stack)
    }

    /// A shop that is made otherwise.
    pub const fn made(name: &'static str, make: fn(Builder) -> Builder) -> Self {
        Self { name, make: Make::WithDevIdp(make), shop: OnceCell::const_new() }
    }

    /// A shop as it ships, whose tokens are a real Keycloak's.
    pub const fn with_keycloak(name: &'static str) -> Self {
        Self { name, make: Make::WithKeycloak, shop: OnceCell::const_new() }
    }

    /// Runs a test in it, alone.
    pub fn visit<T>(&'static self, test: impl AsyncFnOnce(&mut Shop) -> T) -> T {
        run(async {
            let shop = self.shop.get_or_init(|| self.start()).await;
            let mut shop = shop.as_ref().unwrap_or_else(|error| panic!("{error}")).lock().await;
            test(&mut shop).await
        })
    }

    async fn start(&self) -> Result<Mutex<Shop>, String> {
        let shop = match self.make {
            Make::WithDevIdp(make) => Shop::of(make(Stack::named(self.name))).await,
            Make::WithKeycloak => Shop::with_keycloak(self.name).await,
        };
        shop.map(Mutex::new).map_err(|error| error.to_string())
    }
}
