//! Callers and products for tests of use cases without HTTP.

use backend::application::products::{NewProduct, add_product};
use backend::application::{Caller, Shop};
use backend::domain::product::{Product, ProductDetails};
use backend::domain::values::{Currency, Money, Text};

use super::gateway::Person;

pub fn caller(person: &Person) -> Caller {
    Caller { principal: person.principal(), reason: None, request_id: None }
}

pub fn details(name: &str, cents: i64, stock: u32) -> ProductDetails {
    ProductDetails {
        name: Text::new(name).unwrap(),
        description: None,
        price: Money { cents, currency: Currency::new("EUR").unwrap() },
        stock,
    }
}

pub async fn new_product(shop: &Shop, seller: &Person, cents: i64, stock: u32) -> Product {
    let new = NewProduct { organisation: None, details: details("Tea", cents, stock) };
    add_product(shop, &caller(seller), || Ok(new)).await.unwrap()
}
