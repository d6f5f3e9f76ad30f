//! Dashboards and alert rules, against a real Prometheus that scrapes a real gateway.
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use e2e::{Shop, run};
use harness::artifacts::root;
use harness::ports::Port;
use harness::process::{Launch, Process, eventually};
use harness::stack::Stack;
use portcullis_engine::reason::Reason;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(90);

fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool").args(arguments).current_dir(root()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said));
}

#[test]
fn prometheus_takes_the_rules_and_they_pass_their_tests() {
    promtool(&["check", "rules", "envoy/prometheus/rules.yml"]);
    promtool(&["check", "config", "--syntax-only", "envoy/prometheus/prometheus.yml"]);
    promtool(&["test", "rules", "envoy/prometheus/rules.test.yml"]);
}

#[test]
fn each_alert_for_prometheus_has_its_section_in_the_runbook() {
    let runbook = fs::read_to_string(root().join("envoy/README.md")).unwrap();
    let sections: Vec<String> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|title| format!("envoy/README.md#{}", title.to_lowercase().replace(' ', "-")))
        .collect();
    for rule in rules().iter().filter(|rule| rule["alert"].is_string()) {
        let named = rule["annotations"]["runbook"].as_str().unwrap();
        assert!(sections.iter().any(|section| section == named), "no section {named}");
    }
}

/// The shares of refusals by their status: what makes one must not be told by the look of a
/// reason's name.
#[test]
fn each_share_counts_the_reasons_of_its_status_and_no_other() {
    let shares: Vec<_> = rules().into_iter().filter(|rule| rule["record"].is_string()).collect();
    for (level, status) in [("401", 401), ("403", 403)] {
        let share = shares.iter().find(|rule| rule["labels"]["level"] == level).unwrap();
        let (_, counted) = share["expr"].as_str().unwrap().split_once("reason=~\"").unwrap();
        let counted: Vec<_> = counted.split('"').next().unwrap().split('|').collect();
        let its = Reason::ALL.iter().filter(|reason| reason.terms().status == status);
        assert_eq!(counted, its.map(|reason| reason.id()).collect::<Vec<_>>(), "{status}");
    }
    assert_eq!(shares.len(), 2);
}

#[test]
fn prometheus_answers_every_query_of_dashboard_and_rules() {
    run(async {
        // a provider whose keys never come, beside one whose keys do
        let stack = Stack::named("observed-prometheus").provider("partner").policy(|policy| {
            let jwks = &mut policy["providers"]["partner"]["jwks"];
            let absent = format!("{}/absent", jwks["uri"].as_str().unwrap());
            jwks["uri"] = json!(absent);
            policy["waiting"] = json!({ "time": "1s" });
            let rows = policy["services"]["shop"]["routes"].as_array_mut().unwrap();
            let audit = rows.iter_mut().find(|row| row["match"] == "GET /audit").unwrap();
            audit["mode"] = json!({ "shadow": { "until": "2999-12-31" } });
        });
        let shop = Shop::of(stack).await.unwrap();
        let (server, _prometheus) = prometheus(&shop).await;
        let mut unanswered = queries();
        assert!(unanswered.len() > 20, "{unanswered:?}");
        let deadline = Instant::now() + PATIENCE;
        while !unanswered.is_empty() {
            assert!(Instant::now() < deadline, "no data for {unanswered:#?}");
            traffic(&shop).await;
            let mut still = Vec::new();
            for query in unanswered {
                if !has_data(&server, &query).await {
                    still.push(query);
                }
            }
            unanswered = still;
        }
        // the shipped texts themselves: each is evaluated, and one of them tells of the provider
        // without keys
        let evaluated = async || {
            let states = evaluated(&server).await;
            let healthy = states.values().all(|(health, _)| health == "ok");
            let alarmed = matches!(&*states["PortcullisKeysUnavailable"].1, "pending" | "firing");
            let names: Vec<_> = rules().iter().map(name).collect();
            (healthy && alarmed && names.iter().all(|name| states.contains_key(name))).then_some(())
        };
        eventually("the shipped rules", PATIENCE, evaluated).await.unwrap();
    });
}

fn name(rule: &Value) -> String {
    let name = rule["alert"].as_str().or(rule["record"].as_str());
    name.expect("a name").to_owned()
}

/// What Prometheus says of each rule: whether it can evaluate it, and of an alert whether it is on.
async fn evaluated(server: &str) -> BTreeMap<String, (String, String)> {
    let client = harness::http::client(false).unwrap();
    let answer = client.get(format!("{server}/api/v1/rules")).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let groups = answer["data"]["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rules.map(|rule| (text(&rule["name"]), (text(&rule["health"]), text(&rule["state"])))).collect()
}

/// A little of everything.
async fn traffic(shop: &Shop) {
    let token = shop.token("alice").await;
    for _ in 0..3 {
        shop.get("/me").token(&token).answers(200).await;
        shop.get("/me").send().await;
    }
    shop.post("/products").token(&token).send().await;
    shop.get("/me").sent_as("alice@partner").send().await;
    shop.get("/audit").token(&token).send().await;
    // the first is fetched for, and the others are not
    let unknown = shop.stack.idp().token("alice").header("kid", "nobody's").sign().await.unwrap();
    for _ in 0..3 {
        shop.get("/me").token(&unknown).send().await;
    }
}

/// A Prometheus with the shipped rules that scrapes this stack, and its address.
async fn prometheus(shop: &Shop) -> (String, Process) {
    let listeners: Value =
        serde_json::from_str(&shop.stack.envoy().admin("/listeners?format=json").await.unwrap())
            .unwrap();
    let all = listeners["listener_statuses"].as_array().unwrap();
    let operations = all.iter().find(|it| it["name"] == "operations").unwrap();
    let gateway = &operations["local_address"]["socket_address"]["port_value"];
    let backend = shop.stack.backend().operations_url();
    let folder = shop.stack.folder();
    let config = json!({
        "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
        "rule_files": [root().join("envoy/prometheus/rules.yml")],
        "scrape_configs": [
            { "job_name": "gateway", "metrics_path": "/stats/prometheus",
              "static_configs": [{ "targets": [format!("127.0.0.1:{gateway}")] }] },
            { "job_name": "backend",
              "static_configs": [{ "targets": [backend.trim_start_matches("http://")] }] },
        ],
    });
    let file = folder.join("prometheus.yml");
    fs::write(&file, config.to_string()).unwrap();
    let port = Port::free().unwrap();
    let program = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|folder| folder.join("prometheus"))
        .find(|program| program.exists())
        .expect("prometheus on PATH");
    let launch = Launch::new("prometheus", program)
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{}", port.number()));
    let mut process = launch.start(&folder.join("prometheus.log")).unwrap();
    let url = port.url();
    let client = harness::http::client(false).unwrap();
    let ready = async || {
        let answer = client.get(format!("{url}/-/ready")).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    };
    process.ready(PATIENCE, ready).await.unwrap();
    (url, process)
}

async fn has_data(server: &str, query: &str) -> bool {
    let client = harness::http::client(false).unwrap();
    let answer =
        client.post(format!("{server}/api/v1/query")).form(&[("query", query)]).send().await;
    let answer: Value = answer.unwrap().json().await.unwrap();
    assert_eq!(answer["status"], "success", "{query}: {answer}");
    !answer["data"]["result"].as_array().unwrap().is_empty()
}

/// Every query that we ship. Those of alerts, which have no answer while all is well, as the
/// numbers that they compare.
fn queries() -> Vec<String> {
    let path = root().join("envoy/grafana/dashboards/portcullis.json");
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let shown = targets.map(|target| target["expr"].as_str().unwrap().to_owned());
    let rules = rules();
    let judged = rules.iter().map(|rule| {
        let query = rule["expr"].as_str().unwrap();
        if rule["alert"].is_null() {
            return query.to_owned();
        }
        // an hour ago there was nothing
        query.replace(" offset 1h", "").replace(" > ", " >= bool ")
    });
    shown.chain(judged).chain(told()).collect()
}

/// The queries in the documents' prose.
fn told() -> Vec<String> {
    let text = |name| fs::read_to_string(root().join(name)).unwrap();
    let documents =
        ["README.md", "envoy/README.md", "envoy/docs/getting-started.md"].map(text).join("\n");
    let code = documents.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let queries = code.filter(|code| code.starts_with("portcullis_") && code.contains(['{', ' ']));
    queries.map(str::to_owned).collect()
}

fn rules() -> Vec<Value> {
    let text = fs::read_to_string(root().join("envoy/prometheus/rules.yml")).unwrap();
    let document: Value = serde_saphyr::from_str(&text).unwrap();
    let groups = document["groups"].as_array().unwrap().iter();
    groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}
