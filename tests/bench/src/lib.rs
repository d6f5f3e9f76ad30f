//! What Portcullis costs.
mod cpu;
pub mod gateway;
mod load;
mod rules;
mod tokens;
mod upstream;

use std::sync::Arc;
use gateway::*;
use rules::*;
use tokens::*;
pub fn spike() -> anyhow::Result<()> {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    rt.block_on(async {
        let up = upstream::Upstream::start()?;
        let p = [Provider::new(0, &Algorithm::ALL)];
        let t = table(10);
        let rules = Rules { providers: &p, table: &t };
        let m = Modules { portcullis: "/x".into(), noop: harness::artifacts::target().join("wasm32-wasip1/wasm/noop.wasm") };
        let key = p[0].key(Algorithm::Rs256);
        let claims = Claims { issuer: p[0].issuer.clone(), audience: AUDIENCE, roles: &[ROLE], size: 1024, expires: 0 };
        let toks = Tokens::get("spike", key, &claims, 20000)?;
        let mut gs = vec![];
        for v in [Variant::Bare, Variant::Native, Variant::NativeCached, Variant::Noop] {
            let g = Gateway::start(v, rules, 1, up.port(), &m).await?;
            eprintln!("{} started {:?}", v.name(), g.start);
            gs.push(g);
        }
        let n: usize = std::env::var("N").unwrap_or("1500".into()).parse()?;
        let calls: Vec<load::Call> = toks.0.iter().enumerate().map(|(i, t2)| load::Call { method: t[i % 10].method.clone(), path: t[i%10].path().parse().unwrap(), authorization: Some(t2.clone()), expect: hyper::StatusCode::OK }).collect();
        for conns in [1, 4, 16] {
        for round in 0..9 {
            let calls: Arc<[load::Call]> = calls[round*n..(round+1)*n].into();
            let mut line = String::new();
            let mut bare = 0.0;
            for g in &gs {
                let mut c = load::Connection::open_many(g.port(), conns).await?;
                let s = g.cpu.read()?;
                let w = std::time::Instant::now();
                load::all(&mut c, &calls).await.map_err(|e| e.context(g.variant.name()))?;
                let w = w.elapsed();
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                let d = (g.cpu.read()? - s).as_secs_f64() * 1e6 / n as f64;
                if g.variant == Variant::Bare { bare = d }
                line += &format!(" {:.1}(+{:.1}, wall {:.1})", d, d - bare, w.as_secs_f64()*1e6/n as f64);
            }
            println!("{conns} conns round {round}: {line}");
        }
        }
        let _ = up.last_head();
        Ok(())
    })
}
