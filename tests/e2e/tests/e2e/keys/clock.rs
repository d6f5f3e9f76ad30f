//! The wall clock jumps by an hour while Envoy runs: refresh and staleness go on by the monotonic
//! clock, and no ended token passes. Envoy's clock is moved by a shim that is loaded before the C
//! library.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Shop, run};
use harness::folder::Folder;
use serde_json::json;

use super::{fetched_again, gaps, until_all_workers, with_keys};

const HOUR: i64 = 3600;

/// A shared library that adds the seconds in the file `$CLOCK_OFFSET` to the wall clock, and to no
/// other.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
static long offset(void) {
    const char *path = getenv("CLOCK_OFFSET");
    char text[32] = {0};
    int file = path ? open(path, O_RDONLY) : -1;
    if (file < 0) return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    return length > 0 ? atol(text) : 0;
}
int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(clock, time);
    if (status == 0 && clock == CLOCK_REALTIME) time->tv_sec += offset();
    return status;
}
"#;

/// The clock of one Envoy.
struct Clock {
    offset: PathBuf,
    shim: PathBuf,
}

impl Clock {
    fn new(folder: &Path) -> Self {
        let (source, shim) = (folder.join("clock.c"), folder.join("clock.so"));
        fs::write(&source, SHIM).unwrap();
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&shim, &source])
            .arg("-ldl")
            .status();
        assert!(built.unwrap().success(), "a C compiler builds the shim");
        let clock = Self { offset: folder.join("offset"), shim };
        clock.set(0);
        clock
    }

    /// Moves it to so many seconds from the right time.
    fn set(&self, seconds: i64) {
        let new = self.offset.with_extension("new");
        fs::write(&new, seconds.to_string()).unwrap();
        fs::rename(&new, &self.offset).unwrap();
    }
}

#[test]
fn a_step_of_the_wall_clock_stops_no_refresh_and_lets_no_ended_token_pass() {
    run(async {
        let folder = Folder::empty("keys-clock-shim").unwrap();
        let clock = Clock::new(folder.path());
        let builder = with_keys("keys-clock", json!({ "refresh": "1s", "max_stale": "6s" }))
            .gateway_env("LD_PRELOAD", clock.shim.to_str().unwrap())
            .gateway_env("CLOCK_OFFSET", clock.offset.to_str().unwrap())
            // the service's clock does not step with the gateway's: what it says of the hand-off is
            // not asked here
            ;
        let shop = Shop::of(e2e::in_front_of_an_echo(builder)).await.unwrap();
        let idp = shop.stack.idp();
        let never = |status| ![200, 401].contains(&status);
        for step in [HOUR, -HOUR, 0, HOUR] {
            let token =
                |from: i64, to: i64| idp.token("alice").issued_in(from).expires_in(to).sign();
            clock.set(step);
            let good_then = token(step - 10, step + 300).await.unwrap();
            let ended_then = token(step - 600, step - 120).await.unwrap();
            until_all_workers(&shop, &good_then, (200, ""), never).await;
            until_all_workers(&shop, &ended_then, (401, "token-expired"), |status| status != 401)
                .await;
            // cached while it was good: the hit spares no clock
            clock.set(step + HOUR);
            until_all_workers(&shop, &good_then, (401, "token-expired"), never).await;
            clock.set(step);
            fetched_again(&shop, 3).await;
            until_all_workers(&shop, &good_then, (200, ""), never).await;
        }
        let gaps = gaps(&shop).await;
        assert!(gaps.iter().all(|gap| (0.5..5.0).contains(gap)), "{gaps:?}");

        // staleness neither
        idp.fault(dev_idp::Endpoint::Jwks, dev_idp::Fault::Down).await.unwrap();
        clock.set(-HOUR);
        let token = idp.token("alice").issued_in(-HOUR).expires_in(300).sign().await.unwrap();
        until_all_workers(&shop, &token, (503, "keys-stale"), |status| {
            ![200, 503].contains(&status)
        })
        .await;
    });
}
