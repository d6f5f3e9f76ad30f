//! Everybody who walks, with the tokens that they show at the gateway.
use dev_idp::{Control, Mint, Signature};
use e2e::Shop;

/// How the service is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    Default,
    ReasonRequired,
    ExistenceHidden,
}

impl Setting {
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Default => "",
            Self::ReasonRequired => " (reason required)",
            Self::ExistenceHidden => " (existence hidden)",
        }
    }

    /// Who comes along while it is set so.
    pub(super) fn walkers(self) -> &'static [&'static str] {
        match self {
            Self::Default => EVERYBODY,
            Self::ReasonRequired => &["admin", "admin-with-reason", "owner"],
            Self::ExistenceHidden => &["nobody", "stranger", "owner"],
        }
    }
}

const EVERYBODY: &[&str] = &[
    // level 1: nobody, nobody who says they are the owner, and the owner with a token that is not
    // good
    "nobody",
    "forger",
    "owner-expired",
    "owner-forged",
    // level 2: the owner without the role
    "owner-without-role",
    // level 3: everybody else has the roles `customer` and `seller`
    "stranger",
    "namesake",
    "owner",
    "seller",
    "co-owner",
    "delegate-reading",
    "delegate-everything",
    "delegate-ended",
    "delegate-revoked",
    "manager",
    "editor",
    "member",
    "invited",
    // and these have their one role alone
    "auditor",
    "admin",
    "admin-with-reason",
];

const BOTH: &[&str] = &["customer", "seller"];

/// A token of `walker`, whose subject is their own in this world. None: they have none.
pub(super) async fn token(shop: &Shop, world: &str, walker: &str) -> Option<String> {
    let ordered = |idp, name, roles| ordered(idp, &format!("{name}.{world}"), roles);
    let idp = shop.stack.idp();
    let mint = match walker {
        "nobody" | "forger" => return None,
        "owner-expired" => ordered(idp, "owner", BOTH).expires_in(-60),
        "owner-forged" => ordered(idp, "owner", BOTH).signature(Signature::Stranger),
        "owner-without-role" => ordered(idp, "owner", &["reporting"]),
        "namesake" => ordered(shop.stack.idp_named("partner"), "owner", BOTH),
        "auditor" => ordered(idp, walker, &["auditor"]),
        "admin" | "admin-with-reason" => ordered(idp, "admin", &["admin"]),
        _ => ordered(idp, walker, BOTH),
    };
    Some(mint.sign().await.expect("a token"))
}

fn ordered<'i>(idp: &'i Control, subject: &str, roles: &[&str]) -> Mint<'i, Control> {
    // good for longer than the walk, on a slow machine too
    idp.token("alice").claim("sub", subject).roles(roles.iter().copied()).expires_in(3600)
}
