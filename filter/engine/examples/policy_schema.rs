//! Prints the JSON Schema of the policy document:
//! `cargo run -p portcullis-engine --features schema --example policy_schema > envoy/policy.schema.json`

fn main() {
    println!("{:#}", portcullis_engine::policy::json_schema());
}
