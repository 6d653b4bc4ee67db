//! The thread that holds the models. Handlers hand it work and wait for what comes of it; it does one piece after the other, each on all cores.

use crate::faults::Fault;
use crate::served::Served;
use rayon::ThreadPoolBuilder;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};
use tokio::sync::oneshot;

type Task = Box<dyn FnOnce(&Served) + Send>;

/// The way to the models.
#[derive(Clone)]
pub(crate) struct Engine(Sender<Task>);

/// Stack of the thread: reading a deep model takes more than a thread has by itself.
const STACK_BYTES: usize = 16 << 20;

impl Engine {
    /// Starts the thread, which opens the models; returns with the way to it and what `open` says of them.
    ///
    /// # Errors
    /// Those of `open`.
    pub(crate) fn start<D: Send + 'static>(
        open: impl FnOnce() -> anyhow::Result<(Served, D)> + Send + 'static,
    ) -> anyhow::Result<(Self, D, JoinHandle<()>)> {
        let (sender, tasks) = channel();
        let (ready, opened) = channel();
        let work = move || match in_a_pool().and_then(|()| open()) {
            Ok((served, description)) => {
                // Nobody waits any more where starting was given up.
                if ready.send(Ok(description)).is_ok() {
                    work_off(&served, &tasks);
                }
            }
            Err(error) => drop(ready.send(Err(error))),
        };
        let thread = Builder::new()
            .name("models".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(work)?;
        let description = opened
            .recv()
            .map_err(|_| anyhow::anyhow!("the thread that opens the model ended by a panic"))??;
        Ok((Self(sender), description, thread))
    }

    /// What `work` makes of the models. Work whose asker has gone is not begun.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Served) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let (reply, answer) = oneshot::channel();
        let task = move |served: &Served| {
            if !reply.is_closed() {
                // Whoever asked may have gone meanwhile.
                drop(reply.send(work(served)));
            }
        };
        let sent = self.0.send(Box::new(task));
        sent.map_err(|_| Fault::internal("the thread that holds the model has ended"))?;
        answer.await.map_err(|_| {
            Fault::internal("the computation ended by a panic, see the server's output")
        })
    }
}

/// Makes this thread one of a pool of its own. It waits for requests, and a thread of the common pool that waits does so in the middle of what
/// others compute.
fn in_a_pool() -> anyhow::Result<()> {
    let pool = ThreadPoolBuilder::new()
        .use_current_thread()
        .stack_size(STACK_BYTES)
        .build()?;
    // The pool lives as long as its thread.
    std::mem::forget(pool);
    Ok(())
}

/// Until nobody can ask any more.
fn work_off(served: &Served, tasks: &Receiver<Task>) {
    for task in tasks {
        // One request that fails so must not be the last one; the hook has said what happened.
        drop(catch_unwind(AssertUnwindSafe(|| task(served))));
    }
}
