//! What every request passes: so many at a time and no longer than so long, counted and timed.

use crate::app::App;
use crate::faults::Fault;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// What is let through.
pub(crate) struct Gate {
    places: Semaphore,
    most: usize,
    longest: Duration,
}

impl Gate {
    pub(crate) fn new(most: usize, longest: Duration) -> Self {
        Self {
            places: Semaphore::new(most),
            most,
            longest,
        }
    }

    /// The answer of `next` within the limits, or why there is none.
    async fn pass(&self, request: Request, next: Next) -> Response {
        let Ok(_place) = self.places.try_acquire() else {
            return Fault::busy(self.most).into_response();
        };
        // The body is read within this time too.
        match timeout(self.longest, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Fault::slow(self.longest.as_secs_f64()).into_response(),
        }
    }
}

/// The paths that are served, as metrics name them: names from outside are not kept.
const ROUTES: [&str; 7] = [
    "/classify",
    "/health",
    "/metrics",
    "/tokenize",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/models",
];

/// What answers from the gate alone: a server that is busy is healthy.
const FREE: [&str; 2] = ["/health", "/metrics"];

pub(crate) async fn pass(
    State((app, gate)): State<(Arc<App>, Arc<Gate>)>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or("", MatchedPath::as_str);
    let route = ROUTES.iter().find(|route| **route == path);
    let under_way = app.metrics.begin();
    let response = if FREE.contains(&path) {
        next.run(request).await
    } else {
        gate.pass(request, next).await
    };
    drop(under_way);
    let status = response.status().as_u16();
    let route = route.copied().unwrap_or("other");
    app.metrics.answered(route, status, started.elapsed());
    response
}
