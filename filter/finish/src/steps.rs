//! What a request takes in the sandbox, in steps of an interpreter: the same number on every
//! machine, so that a test can bound it.
use wasmi::{Config, Engine, Error, Instance, Linker, Module, Store};

use crate::host::{self, Host};
use crate::train::{call, length};

/// More than any request takes.
const ENOUGH: u64 = 1 << 50;
const ROOT: i32 = 1;

/// A module with a policy.
pub struct Sandbox {
    store: Store<Host>,
    instance: Instance,
    streams: i32,
}

impl Sandbox {
    /// Of a module that has been finished or linked.
    ///
    /// # Errors
    /// It is none of ours, or does not take the policy.
    pub fn new(module: &[u8], policy: &str) -> Result<Self, Error> {
        let mut config = Config::default();
        config.wasm_simd(true).consume_fuel(true);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, module)?;
        let mut store = Store::new(&engine, Host::default());
        let mut linker = Linker::new(&engine);
        for import in module.imports() {
            host::define(&mut linker, &import)?;
        }
        store.set_fuel(ENOUGH)?;
        let instance = linker.instantiate_and_start(&mut store, &module)?;
        call(&mut store, instance, "_initialize", &[])?;
        store.data_mut().configuration = policy.into();
        call(&mut store, instance, "proxy_on_context_create", &[ROOT, 0])?;
        call(&mut store, instance, "proxy_on_vm_start", &[ROOT, 0])?;
        if call(&mut store, instance, "proxy_on_configure", &[ROOT, length(policy.len())])?
            != Some(1)
        {
            return Err(Error::new("the policy is not taken"));
        }
        Ok(Self { store, instance, streams: ROOT })
    }

    /// How many steps the module takes for the headers of a request, from its beginning to its end.
    ///
    /// # Errors
    /// It does not survive them.
    pub fn steps(&mut self, headers: Vec<(String, String)>) -> Result<u64, Error> {
        let count = length(headers.len());
        self.store.data_mut().headers = headers;
        self.store.set_fuel(ENOUGH)?;
        self.streams += 1;
        let stream = self.streams;
        call(&mut self.store, self.instance, "proxy_on_context_create", &[stream, ROOT])?;
        call(&mut self.store, self.instance, "proxy_on_request_headers", &[stream, count, 1])?;
        call(&mut self.store, self.instance, "proxy_on_delete", &[stream])?;
        Ok(ENOUGH - self.store.get_fuel()?)
    }
}
