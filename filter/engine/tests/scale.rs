//! A table of 10,000 rows over 100 hosts: each row is found by its own paths, at its own host, and
//! by nothing else. What it costs is the benchmark's affair.
use std::fmt::Write as _;

use portcullis_engine::authz::path::CanonicalPath;
use portcullis_engine::policy::{Found, Policy};

const HOSTS: usize = 100;
const ROWS: usize = 100;

/// The rows of a host: every kind of template, many that differ at their end only, and each under
/// two methods at most.
fn rows(host: usize) -> impl Iterator<Item = (&'static str, String)> {
    (0..ROWS).map(move |row| {
        let (group, method) = (row / 5, if row % 10 < 5 { "GET" } else { "POST" });
        let template = match row % 5 {
            0 => format!("/group-{group}"),
            1 => format!("/group-{group}/{{item}}"),
            2 => format!("/group-{group}/special-{host}"),
            3 => format!("/group-{group}/{{item}}/parts/{{part}}"),
            _ => format!("/group-{group}/files/{{*rest}}"),
        };
        (method, template)
    })
}

fn host(number: usize) -> String {
    match number % 3 {
        0 => format!("shop-{number}.example"),
        1 => format!("*.shop-{number}.example"),
        _ => format!("*.shop-{number}.deep.example"),
    }
}

/// A request's authority that belongs to it.
fn authority(number: usize) -> String {
    host(number).replacen("*.", "WWW.", 1) + ":8443"
}

fn document() -> String {
    let mut services = String::new();
    for number in 0..HOSTS {
        let row = |(method, template)| {
            format!(r#"{{"match":"{method} {template}","roles":["role-{number}"]}}"#)
        };
        let rows = rows(number).map(row).collect::<Vec<_>>().join(",");
        let comma = if number == 0 { "" } else { "," };
        let host = host(number);
        write!(services, r#"{comma}"service-{number}":{{"hosts":["{host}"],"routes":[{rows}]}}"#)
            .unwrap();
    }
    format!(
        r#"{{"providers":{{"idp":{{"issuer":"https://idp.example","audiences":["api"],"algorithms":["RS256"],
            "jwks":{{"uri":"https://idp.example/jwks","cluster":"idp"}}}}}},"services":{{{services}}}}}"#
    )
}

#[test]
fn each_of_10_000_rows_is_found_by_its_own_paths_and_by_nothing_else() {
    let policy =
        Policy::from_json(document().as_bytes()).unwrap_or_else(|errors| panic!("{errors}"));
    let count: usize = policy.services().iter().map(|service| service.rows().len()).sum();
    assert_eq!((policy.services().len(), count), (HOSTS, HOSTS * ROWS));
    for number in 0..HOSTS {
        let service = policy.service_of_host(authority(number).as_bytes()).unwrap();
        let service = policy.service(service).unwrap();
        assert_eq!(service.name(), format!("service-{number}"));
        for (at, (method, template)) in rows(number).enumerate() {
            let find = |method: &str, path: &str| match service
                .find(method, CanonicalPath::parse(path.as_bytes()).unwrap())
            {
                Found::Row(row) => Some(format!("{} {}", row.method, row.template)),
                Found::PathKnown => Some("another method".to_owned()),
                Found::Nothing => None,
            };
            let itself = Some(format!("{method} {template}"));
            let path =
                template.replace("{item}", "7").replace("{part}", "8").replace("{*rest}", "a/b/c");
            assert_eq!(find(method, &path), itself);
            assert_eq!(find("DELETE", &path).as_deref(), Some("another method"));
            if method == "GET" {
                assert_eq!(find("HEAD", &path), itself);
            }
            let group = at / 5;
            let item = Some(format!("{method} /group-{group}/{{item}}"));
            match at % 5 {
                0 => assert_eq!(find(method, &format!("{path}/")), None),
                // another host's literal is a parameter's value here
                2 => assert_eq!(
                    find(method, &format!("/group-{group}/special-{}", number + 1)),
                    item
                ),
                // the root of a subtree is decided by no wider template
                4 => assert_eq!(find(method, &format!("/group-{group}/files")), None),
                _ => assert_eq!(find(method, &format!("{path}/more/and/more")), None),
            }
        }
        let bare = host(number).replacen("*.", "", 1);
        for stranger in [format!("x{bare}"), format!("{bare}.x"), "example".to_owned()] {
            assert_eq!(policy.service_of_host(stranger.as_bytes()), None, "{stranger}");
        }
    }
}
