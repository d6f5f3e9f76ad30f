//! A subject is unique within its issuer only: two providers that both know an Alice know two
//! people.
use e2e::{Shared, invalid_token, lines, product};

use crate::keys::on_all_workers;
use crate::support::subject;

static SHOP: Shared = Shared::made("issuers", |stack| stack.concurrency(4).provider("partner"));

#[test]
fn the_same_subject_of_another_issuer_is_another_customer() {
    SHOP.visit(async |shop| {
        let mine = format!("/orders/{}", shop.order_of("alice").await);
        shop.get(&mine).sent_as("alice").answers(200).await;
        shop.get(&mine).sent_as("alice@partner").is_denied(403, "no-right").await;

        let theirs = shop.order_of("alice@partner").await;
        let order =
            shop.get(&format!("/orders/{theirs}")).sent_as("alice@partner").answers(200).await;
        assert_eq!(order.body["customer_id"], subject("alice"));
        assert_eq!(
            order.body["customer_issuer"],
            shop.stack.idp_named("partner").addresses().issuer
        );
        shop.get(&format!("/orders/{theirs}")).sent_as("alice").is_denied(403, "no-right").await;

        let list = shop.get("/orders?limit=100").sent_as("alice@partner").answers(200).await;
        assert!(
            list.items().iter().all(|it| it["customer_issuer"] == order.body["customer_issuer"]),
            "{list}"
        );
    });
}

#[test]
fn the_same_subject_of_another_issuer_is_another_seller() {
    SHOP.visit(async |shop| {
        let tea = format!("/products/{}", shop.product_of("sam").await);
        let change =
            |who| shop.put(&tea).sent_as(who).header("if-match", "*").json(product("Tea", 1));
        change("sam@partner").is_denied(403, "no-right").await;
        change("sam").answers(200).await;
    });
}

#[test]
fn an_idempotency_key_belongs_to_its_sender_and_not_to_the_namesake() {
    SHOP.visit(async |shop| {
        let tea = shop.product_of("sam").await;
        let place = async |who: &str| {
            let order = shop
                .post("/orders")
                .sent_as(who)
                .header("idempotency-key", "k")
                .json(lines(&tea, 1));
            order.answers(201).await.id().to_owned()
        };
        let hers = place("alice").await;
        assert_eq!(place("alice").await, hers);
        assert_ne!(place("alice@partner").await, hers);
    });
}

#[test]
fn the_service_is_told_which_issuer_vouches_for_the_subject() {
    SHOP.visit(async |shop| {
        for who in ["alice", "alice@partner"] {
            let me = shop.get("/me").sent_as(who).answers(200).await;
            let idp = who
                .split_once('@')
                .map_or(shop.stack.idp(), |(_, partner)| shop.stack.idp_named(partner));
            assert_eq!(me.body["subject"], subject("alice"), "{who}");
            assert_eq!(me.body["issuer"], idp.addresses().issuer, "{who}");
        }
    });
}

/// A provider that turns bad must not be able to speak for another one.
#[test]
fn a_key_of_one_provider_never_verifies_a_token_of_another() {
    SHOP.visit(async |shop| {
        let (ours, partner) = (shop.stack.idp(), shop.stack.idp_named("partner"));
        let forged = || partner.token("alice").claim("iss", &*ours.addresses().issuer);
        let key_of_ours =
            ours.keys().await.unwrap().into_iter().find(|key| key.current).unwrap().kid;
        let under_our_kid = forged().header("kid", key_of_ours).sign().await.unwrap();
        let under_its_own_kid = forged().sign().await.unwrap();
        shop.get("/me").token(&under_our_kid).is_stopped(invalid_token("signature-invalid")).await;
        let everywhere = shop.unreached(on_all_workers(shop, &under_our_kid)).await;
        assert_eq!(everywhere, Some((401, "signature-invalid".to_owned())));
        // 429, if no fetch is allowed to look for the partner's kid among our keys yet
        let refused = shop.unreached(shop.get("/me").token(&under_its_own_kid).send()).await;
        let reason = refused.body["reason"].as_str();
        assert!(matches!(reason, Some("key-unknown" | "key-not-yet-fetched")), "{refused}");
    });
}
