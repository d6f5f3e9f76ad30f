//! Between the client and the endpoint: counts the request, and does to the answer what the
//! endpoint's script says.
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header, response::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde_json::{Value, json};
use thiserror::Error;

use crate::door::HangUp;
use crate::faults::{Answer, Caching, Endpoint, Fault, keys};
use crate::provider::Provider;

/// The middleware of one endpoint.
pub(crate) async fn faulty(
    State((provider, endpoint)): State<(Arc<Provider>, Endpoint)>,
    request: Request,
    next: Next,
) -> Response {
    let (fault, caching) = provider.scripts().arrival(endpoint);
    let response = match fault {
        None => next.run(request).await,
        Some(fault) => spoiled(fault, request, next).await,
    };
    with_caching(response, caching)
}

async fn spoiled(fault: Fault, request: Request, next: Next) -> Response {
    match fault {
        Fault::Down => (axum::Extension(HangUp), ()).into_response(),
        Fault::Slow { ms } => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            next.run(request).await
        }
        Fault::ServerError => {
            (StatusCode::INTERNAL_SERVER_ERROR, "something went wrong").into_response()
        }
        Fault::Html => {
            axum::response::Html("<!doctype html><title>Sign in</title>").into_response()
        }
        Fault::Cut => cut(next.run(request).await).await,
        Fault::WrongContentType => {
            let mut response = next.run(request).await;
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
            response
        }
        Fault::Oversize { bytes } => {
            edited(next.run(request).await, |document| {
                document["padding"] = json!("x".repeat(bytes));
            })
            .await
        }
        Fault::EmptyKeys => edited(next.run(request).await, |jwks| jwks["keys"] = json!([])).await,
        Fault::ManyKeys { count } => {
            let strangers = |right: usize| keys::strangers(count.saturating_sub(right)).collect();
            edited(next.run(request).await, |jwks| lead(jwks, strangers)).await
        }
        Fault::BrokenKeyAmongGood => {
            edited(next.run(request).await, |jwks| lead(jwks, |_| keys::broken())).await
        }
        Fault::Answer(Answer { status, content_type, body }) => Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, content_type)
            .body(body.into())
            .expect("checked when it was set"),
    }
}

/// The answer with its JSON changed.
async fn edited(response: Response, edit: impl FnOnce(&mut Value)) -> Response {
    let (mut parts, body) = whole(response).await;
    let mut document = serde_json::from_slice(&body).expect("every endpoint answers JSON");
    edit(&mut document);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, document.to_string().into())
}

/// Puts keys before the right ones; `others` makes them, told how many the right ones are.
fn lead(jwks: &mut Value, others: impl FnOnce(usize) -> Vec<Value>) {
    let right = jwks["keys"].as_array_mut().expect("a key set has keys");
    let others = others(right.len());
    right.splice(..0, others);
}

/// The answer up to its middle, under the length of the whole.
async fn cut(response: Response) -> Response {
    let (mut parts, body) = whole(response).await;
    parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    Response::from_parts(parts, Body::new(CutBody::Half(body.slice(..body.len() / 2))))
}

async fn whole(response: Response) -> (Parts, Bytes) {
    let (parts, body) = response.into_parts();
    (parts, to_bytes(body, usize::MAX).await.expect("a body made here is whole"))
}

fn with_caching(mut response: Response, caching: Caching) -> Response {
    let headers =
        [(header::CACHE_CONTROL, caching.cache_control), (header::EXPIRES, caching.expires)];
    for (name, value) in headers.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        response.headers_mut().insert(name, value.parse().expect("checked when it was set"));
    }
    response
}

/// A body that breaks off. It waits a turn before it does, so that hyper sends its half first.
enum CutBody {
    Half(Bytes),
    Sending,
    End,
}

#[derive(Debug, Error)]
#[error("cut off, as asked")]
struct CutOff;

impl HttpBody for CutBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        match std::mem::replace(&mut *self, Self::End) {
            Self::Half(half) => {
                *self = Self::Sending;
                Poll::Ready(Some(Ok(Frame::data(half))))
            }
            Self::Sending => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Self::End => Poll::Ready(Some(Err(CutOff))),
        }
    }
}
