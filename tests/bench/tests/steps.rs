//! What the module takes for a request without a good token, counted and not timed: it grows no
//! faster than the request.
use bench::steps::Counter;

/// What one request takes more than another.
#[allow(clippy::cast_precision_loss)] // far below 2^52
fn times(one: u64, other: u64) -> f64 {
    one as f64 / other as f64
}

/// Work before the signature is linear in the bytes received: a request of twice the size takes at
/// most about twice as much.
#[test]
fn a_request_of_twice_the_size_takes_at_most_twice_the_steps() {
    let mut wrong = Vec::new();
    for (name, sizes) in Counter::new().unwrap().growth().unwrap() {
        let factors: Vec<_> = sizes.windows(2).map(|pair| times(pair[1], pair[0])).collect();
        println!("{name:28} {factors:.2?} {sizes:?}");
        if factors.iter().any(|factor| *factor > 2.1) {
            wrong.push((name, factors));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
