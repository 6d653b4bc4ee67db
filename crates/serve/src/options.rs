//! The command line.

use clap::Parser;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Serves a model over HTTP: the classifier in --adapter as `POST /classify`, and a causal model as OpenAI's `/v1/completions` and
/// `/v1/chat/completions`.
#[derive(Clone, Debug, Parser)]
#[command(name = "serve", version)]
pub struct Options {
    /// Pretrained model: directory in Hugging Face layout, GGUF file, Hub id or bundled name
    #[arg(long, value_name = "MODEL")]
    pub model: String,
    /// Adapted model: what `run --keep-adapters` saved (RUN/trials/ID), or a PEFT checkpoint
    #[arg(long, value_name = "DIR")]
    pub adapter: Option<PathBuf>,
    /// Address to listen on; anyone who reaches it can ask
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// Backend
    #[arg(long, default_value = "flex")]
    pub device: String,
    /// Tokens of a text, instead of the length in training
    #[arg(long, value_name = "N")]
    pub max_length: Option<NonZeroUsize>,
    /// Requests under way at a time; more are answered with 429
    #[arg(long, value_name = "N", default_value = "256")]
    pub max_concurrent: NonZeroUsize,
    /// Bytes of a request; larger ones are answered with 413
    #[arg(long, value_name = "N", default_value = "1048576")]
    pub max_body: NonZeroUsize,
    /// Seconds until a request without an answer is answered with 503
    #[arg(long, value_name = "S", default_value_t = 60.0, value_parser = seconds)]
    pub timeout: f64,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 86_400.0 => Ok(seconds),
        _ => Err(format!(
            "{text:?}, expected seconds, above 0 and at most 86400"
        )),
    }
}
