//! The control interface, on a port of its own: what tests and demos do to the provider.
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::control::words::{
    Connections, Minted, Rotate, Rotated, SetCaching, SetFault, Withdraw, Withdrawn,
};
use crate::door::Door;
use crate::mint::{TokenSpec, sign};
use crate::provider::Provider;
use crate::{Counts, KeyInfo, Misuse};

/// What is controlled.
#[derive(Clone, Debug)]
pub(crate) struct Controls {
    pub(crate) provider: Arc<Provider>,
    pub(crate) door: Door,
}

impl Controls {
    /// What answers on the control port.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/control/keys", get(keys))
            .route("/control/rotate", post(rotate))
            .route("/control/withdraw", post(withdraw))
            .route("/control/mint", post(mint))
            .route("/control/fault", post(fault))
            .route("/control/caching", post(caching))
            .route("/control/connections", post(connections))
            .route("/control/counts", get(counts))
            .route("/control/reset", post(reset))
            .with_state(self)
    }

    /// Opens the port, ends all faults and caching, and counts from zero.
    pub(crate) async fn reset(&self) {
        self.door.set_open(true).await;
        self.provider.scripts().reset();
    }
}

/// 400, with the mistake in words.
impl IntoResponse for Misuse {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.to_string()).into_response()
    }
}

type Answer<T> = Result<Json<T>, Misuse>;

async fn keys(State(Controls { provider, .. }): State<Controls>) -> Json<Vec<KeyInfo>> {
    Json(provider.keys().list())
}

async fn rotate(
    State(Controls { provider, .. }): State<Controls>,
    Json(order): Json<Rotate>,
) -> Answer<Rotated> {
    let kid = off_the_runtime(move || provider.rotate(order.alg, order.same_kid)).await?;
    Ok(Json(Rotated { kid }))
}

async fn withdraw(
    State(Controls { provider, .. }): State<Controls>,
    Json(order): Json<Withdraw>,
) -> Answer<Withdrawn> {
    let mut keys = provider.keys();
    let withdrawn = match order {
        Withdraw::Old => keys.withdraw_old(),
        Withdraw::Kid(kid) => keys.withdraw(&kid).map(|()| vec![kid])?,
    };
    Ok(Json(Withdrawn { withdrawn }))
}

async fn mint(
    State(Controls { provider, .. }): State<Controls>,
    Json(spec): Json<TokenSpec>,
) -> Answer<Minted> {
    let token = off_the_runtime(move || sign(&provider, &spec)).await?;
    Ok(Json(Minted { token }))
}

async fn fault(
    State(Controls { provider, .. }): State<Controls>,
    Json(order): Json<SetFault>,
) -> Answer<()> {
    let mut scripts = provider.scripts();
    match order.fault {
        Some(fault) => scripts.fault(order.endpoint, fault, order.times)?,
        None => scripts.heal(order.endpoint),
    }
    Ok(Json(()))
}

async fn caching(
    State(Controls { provider, .. }): State<Controls>,
    Json(order): Json<SetCaching>,
) -> Answer<()> {
    provider.scripts().caching(order.endpoint, order.caching)?;
    Ok(Json(()))
}

async fn connections(
    State(Controls { door, .. }): State<Controls>,
    Json(order): Json<Connections>,
) -> Json<()> {
    door.set_open(order.accept).await;
    Json(())
}

async fn counts(State(Controls { provider, .. }): State<Controls>) -> Json<Counts> {
    Json(provider.scripts().counts())
}

async fn reset(State(controls): State<Controls>) -> Json<()> {
    controls.reset().await;
    Json(())
}

/// RSA keys take their time to make.
async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("the work does not panic")
}
