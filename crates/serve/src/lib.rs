#![doc = include_str!("../README.md")]

mod app;
mod chat;
mod chat_completions;
mod classify;
mod completions;
mod engine;
mod faults;
mod gate;
mod language;
mod metrics;
mod openai;
mod options;
mod sampling;
mod served;
mod tokenize;

pub use options::Options;

use anyhow::Context;
use app::App;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use engine::Engine;
use faults::Fault;
use gate::Gate;
use metrics::Metrics;
use serde_json::{Value, json};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Threads that talk to clients; the models have their own.
const THREADS: usize = 2;

/// Opens what the options name and serves it until SIGTERM or SIGINT. What is under way then is answered first.
///
/// # Errors
/// A model or adapter that cannot be used, an address that cannot be listened on.
pub fn run(options: Options) -> anyhow::Result<()> {
    serve(
        options,
        |address| println!("listening on http://{address}"),
        asked_to_stop(),
    )
}

/// As [`run`], until `stop` is ready; `ready` is called with the address once requests are taken.
///
/// # Errors
/// As [`run`].
pub fn serve(
    options: Options,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let to_open = options.clone();
    let (engine, description, models) = Engine::start(move || served::open(&to_open))?;
    let app = Arc::new(App {
        engine,
        description,
        metrics: Metrics::new(),
        answered: AtomicU64::new(0),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()?;
    runtime.block_on(listen(&options, app, ready, stop))?;
    // Whoever still waits beyond the time that requests have is left.
    runtime.shutdown_timeout(Duration::ZERO);
    models
        .join()
        .map_err(|_| anyhow::anyhow!("the thread that holds the model ended by a panic"))
}

async fn listen(
    options: &Options,
    app: Arc<App>,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let address = SocketAddr::new(options.host, options.port);
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; is another server there? --port 0 takes a free one")
    })?;
    ready(listener.local_addr()?);
    let longest = Duration::from_secs_f64(options.timeout);
    let gate = Gate::new(options.max_concurrent.get(), longest);
    let router = router(app, Arc::new(gate), options.max_body.get());
    let (stopping, begun) = oneshot::channel();
    let stop = async move {
        stop.await;
        let _ = stopping.send(()); // nobody waits for it where serving has failed
    };
    let server = axum::serve(listener, router).with_graceful_shutdown(stop);
    // A client that never ends its request must not keep the server.
    let overdue = async move {
        if begun.await.is_ok() {
            tokio::time::sleep(longest).await;
        }
    };
    tokio::select! {
        served = server.into_future() => served.context("serving"),
        () = overdue => Ok(()),
    }
}

fn router(app: Arc<App>, gate: Arc<Gate>, max_body: usize) -> Router {
    Router::new()
        .route("/classify", post(classify::handle))
        .route("/tokenize", post(tokenize::handle))
        .route("/v1/completions", post(completions::handle))
        .route("/v1/chat/completions", post(chat_completions::handle))
        .route("/v1/models", get(models))
        .route("/health", get(health))
        .route("/metrics", get(metrics_text))
        .fallback(no_such_path)
        .method_not_allowed_fallback(other_method)
        .layer(middleware::from_fn_with_state(
            (app.clone(), gate),
            gate::pass,
        ))
        .layer(DefaultBodyLimit::max(max_body))
        .with_state(app)
}

/// Ready when the process is asked to end.
async fn asked_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        // Without a handler the signals end the process by themselves.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

async fn health(State(app): State<Arc<App>>) -> Json<Value> {
    let served = &app.description;
    Json(json!({
        "status": "ok", "model": served.model[0], "classifier": served.classifier.first(), "classes": served.classes,
    }))
}

async fn metrics_text(State(app): State<Arc<App>>) -> String {
    app.metrics.text()
}

async fn models(State(app): State<Arc<App>>) -> Json<Value> {
    let served = &app.description;
    let language = served.model.first().filter(|_| served.has_language);
    let all = served.classifier.first().into_iter().chain(language);
    let all: Vec<Value> = all
        .map(|name| json!({"id": name, "object": "model", "created": 0, "owned_by": "adaptbench"}))
        .collect();
    Json(json!({"object": "list", "data": all}))
}

async fn no_such_path() -> Fault {
    Fault::refused(
        axum::http::StatusCode::NOT_FOUND,
        "no such path; there are /classify, /v1/completions, /v1/chat/completions, /v1/models, /tokenize, /health and /metrics",
    )
}

async fn other_method() -> Fault {
    Fault::refused(
        axum::http::StatusCode::METHOD_NOT_ALLOWED,
        "this path is not asked by this method; questions are asked by POST, the rest by GET",
    )
}
