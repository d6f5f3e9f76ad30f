//! The decision corpus through a real Envoy: the same answers as natively and as WebAssembly.
use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use corpus::{Case, Expected, TOKEN, cases};
use e2e::{Answer, Shared, Shop, in_front_of_an_echo};
use futures_util::future::join_all;
use portcullis_engine::reason::Reason;

use crate::support::headers_of;

static SHOP: Shared = Shared::made("corpus", |stack| {
    in_front_of_an_echo(stack).policy(|policy| *policy = corpus::policy())
});

/// Envoy's own parser takes other forms of a target apart before the filter sees them (RFC 9112
/// 3.2).
fn is_in_origin_form(case: &Case) -> bool {
    case.sent(1_000_000).target.starts_with('/')
}

/// The answer, and the token that was sent.
async fn ask(shop: &Shop, case: &Case) -> (Answer, Option<String>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let sent = case.sent(now);
    let mut request = format!(
        "{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
        sent.method, sent.target, case.host
    );
    for (name, value) in &sent.headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    if sent.method == "POST" {
        request += "content-length: 0\r\n";
    }
    (shop.raw(request + "\r\n").await, case.token(now))
}

/// What carried the token stays at the gateway, whatever it was; the other cookies beside it go on.
fn stays_at_the_gateway(case: &Case, answer: &Answer, token: &str) -> bool {
    let received = headers_of(answer);
    // its signature alone: no piece of it either
    let signature = token.rsplit('.').next().expect("three parts");
    !answer.text.contains(signature)
        && case.carriers().iter().all(|(name, value)| {
            let others: Vec<_> = value.split("; ").filter(|pair| !pair.contains(TOKEN)).collect();
            let left = if name == "cookie" && !others.is_empty() {
                Some(vec![others.join("; ")])
            } else {
                None
            };
            received.get(name) == left.as_ref()
        })
}

/// What is wrong with the answer, if anything is.
fn wrong(case: &Case, answer: &Answer, token: Option<&str>) -> Option<String> {
    let sent = case.sent(1_000_000);
    let told = |what: &str| Some(format!("{}: {what}: {answer}", case.name));
    match case.expected() {
        Expected::Refuse(expected) => {
            let reason =
                Reason::ALL.iter().find(|reason| reason.id() == expected).expect("a reason");
            // of a path that is no path Envoy itself may say so; to a HEAD there is no body
            let bodiless = answer.body.is_null()
                && (*reason == Reason::PathAmbiguous || sent.method == "HEAD");
            let right = answer.status == reason.terms().status
                && (bodiless || answer.body["reason"] == expected);
            if right { None } else { told(expected) }
        }
        Expected::Allow if answer.status != 200 => told("allow"),
        Expected::Allow if sent.method == "HEAD" => None,
        Expected::Allow
            if token.is_some_and(|token| !stays_at_the_gateway(case, answer, token)) =>
        {
            told("what carried the token stays at the gateway")
        }
        Expected::Allow => {
            let headers = headers_of(answer);
            let subject = headers.get("x-auth-subject")?;
            let roles = case.roles.as_ref().is_none_or(|roles| {
                let encode = |role: &String| role.replace(',', "%2C").replace(' ', "%20");
                headers["x-auth-roles"] == [roles.iter().map(encode).collect::<Vec<_>>().join(",")]
            });
            let subject = *subject == [case.subject.as_deref().unwrap_or("alice")];
            let assertions = headers.get("x-auth-principal").map_or(0, Vec::len);
            if subject && roles && assertions == usize::from(case.assertion) {
                None
            } else {
                told("the service is told")
            }
        }
    }
}

#[test]
fn every_case_of_the_corpus_is_decided_in_envoy_as_it_says() {
    SHOP.visit(async |shop| {
        let cases: Vec<_> = cases().into_iter().filter(is_in_origin_form).collect();
        assert!(cases.len() >= 300, "{}", cases.len());
        let (before, mut wrongs) = (shop.requests_passed().await, Vec::new());
        // Envoy takes its time to close a connection that it has answered by itself
        for cases in cases.chunks(50) {
            let answers = join_all(cases.iter().map(|case| ask(shop, case))).await;
            let answers = cases.iter().zip(&answers);
            wrongs.extend(
                answers.filter_map(|(case, (answer, token))| wrong(case, answer, token.as_deref())),
            );
        }
        assert_eq!(wrongs, [""; 0]);
        let allowed = cases.iter().filter(|case| case.expected() == Expected::Allow).count();
        let passed = shop.requests_passed().await - before;
        assert_eq!(
            passed,
            u64::try_from(allowed).expect("a count"),
            "what is refused reaches no service"
        );
        let allowed = cases.iter().filter(|case| case.expected() == Expected::Allow);
        let carriers: BTreeSet<_> =
            allowed.flat_map(Case::carriers).map(|(name, _)| name).collect();
        assert!(
            ["authorization", "cookie", "x-proxy-token"].iter().all(|it| carriers.contains(*it)),
            "{carriers:?}"
        );
    });
}
