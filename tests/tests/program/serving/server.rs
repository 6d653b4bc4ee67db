//! A server in this process, on a port of its own, until it is dropped.

use super::client::Client;
use clap::Parser;
use serve::Options;
use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

pub(super) struct Server {
    pub(super) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Server {
    /// With these options of the command line.
    pub(super) fn start(options: &[&str]) -> Self {
        let given = ["serve", "--port", "0"].iter().chain(options);
        let options = Options::try_parse_from(given).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (ready, address) = channel();
        let thread = std::thread::spawn(move || {
            let stopped = async move { drop(stopped.await) };
            serve::serve(options, |address| ready.send(address).unwrap(), stopped)
        });
        let Ok(address) = address.recv() else {
            panic!("{:?}", thread.join())
        };
        Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(super) fn client(&self) -> Client {
        Client::new(self.address).unwrap()
    }

    /// Asks it to stop, and does not wait.
    pub(super) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has stopped.
    pub(super) fn ended(&mut self) -> anyhow::Result<()> {
        self.stop();
        match self.thread.take() {
            Some(thread) => thread.join().unwrap(),
            None => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.ended();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}
