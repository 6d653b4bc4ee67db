//! The file in which answers and what they cost are kept, for all processes of a run: lines of JSON, appended under the file's lock.
//!
//! Before a call is sent, the most that it may cost is reserved; afterwards what it has cost takes that place, in one write with the answer. A
//! process that is killed leaves reservations behind, which count as spent, and loses no answer that it had. The limit of what may be spent is a
//! line as well, so that it is the same for all.

use crate::error::LedgerError;
use crate::lines::{self, Kept, Line};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// The file's name in its folder.
const FILE: &str = "answers.jsonl";

/// Answers, costs, and the limit of these.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    state: Mutex<State>,
    /// A call of this process has ended.
    ended: Condvar,
}

/// Whether a request may be sent.
#[derive(Debug)]
pub(crate) enum Claim {
    /// It was answered before.
    Known(Kept),
    /// It may.
    Granted(Ticket),
    /// It might cost more than is left.
    OverCost { limit_usd: f64, spent_usd: f64 },
}

/// A reservation.
#[derive(Debug)]
pub(crate) struct Ticket {
    request: String,
    id: String,
    usd: f64,
}

#[derive(Debug, Default)]
struct State {
    /// `None` where answers are kept in memory alone.
    file: Option<File>,
    read_to: u64,
    /// Whether the file ends within a line that its writer did not live to end.
    torn: bool,
    answers: HashMap<String, Kept>,
    facts: HashMap<String, Value>,
    limit_usd: Option<f64>,
    /// What calls under way may cost, and those of processes that are gone.
    reserved: HashMap<String, f64>,
    settled_usd: f64,
    /// Requests that this process has sent and that are not answered.
    under_way: HashSet<String>,
    tickets: u64,
}

impl Ledger {
    /// The ledger in `dir`, which is made if it is not there.
    ///
    /// # Errors
    /// A folder or file that cannot be made, read or written.
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        let path = dir.join(FILE);
        let opened = std::fs::create_dir_all(dir).and_then(|()| {
            let mut options = File::options();
            options.read(true).append(true).create(true).open(&path)
        });
        let state = opened.and_then(|file| {
            let mut state = State {
                file: Some(file),
                ..State::default()
            };
            state.locked(|_| Ok(()))?;
            Ok(state)
        });
        match state {
            Ok(state) => Ok(Self::new(path, state)),
            Err(source) => Err(LedgerError { path, source }),
        }
    }

    /// One that is gone with the process.
    pub fn in_memory() -> Self {
        Self::new(PathBuf::from("memory"), State::default())
    }

    fn new(path: PathBuf, state: State) -> Self {
        Self {
            path,
            state: Mutex::new(state),
            ended: Condvar::new(),
        }
    }

    /// The limit, if there is one.
    pub fn limit_usd(&self) -> Option<f64> {
        self.state().limit_usd
    }

    /// All who write here may spend `usd` together, what is spent already included, until another limit is set.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn limit(&self, usd: f64) -> Result<(), LedgerError> {
        let mut state = self.state();
        self.at_path(state.locked(|state| state.append(&[Line::Limit { usd }])))
    }

    /// Something learnt of a server earlier.
    pub fn fact(&self, name: &str) -> Option<Value> {
        self.state().facts.get(name).cloned()
    }

    /// Keeps something learnt of a server.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn learn(&self, name: &str, value: Value) -> Result<(), LedgerError> {
        let line = Line::Fact {
            name: name.to_owned(),
            value,
        };
        let mut state = self.state();
        self.at_path(state.locked(|state| state.append(&[line])))
    }

    /// The answer to `request`, or the right to ask for `most_usd`. Waits while the same request is under way, and while calls under way
    /// may turn out cheap enough for this one.
    pub(crate) fn claim(&self, request: &str, most_usd: f64) -> Result<Claim, LedgerError> {
        let mut state = self.state();
        loop {
            let found = state.locked(|state| state.claim(request, most_usd));
            match self.at_path(found)? {
                Some(claim) => return Ok(claim),
                None => {
                    state = self
                        .ended
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// The call has ended: what it has cost, and its answer.
    pub(crate) fn settle(
        &self,
        ticket: Ticket,
        usd: f64,
        kept: Option<Kept>,
    ) -> Result<(), LedgerError> {
        let mut state = self.state();
        state.under_way.remove(&ticket.request);
        let mut lines = Vec::new();
        if ticket.usd > 0.0 {
            lines.push(Line::Settled {
                ticket: ticket.id,
                usd,
            });
        }
        lines.extend(kept.map(|kept| Line::Answer {
            request: ticket.request,
            kept,
        }));
        let written = state.locked(|state| state.append(&lines));
        self.ended.notify_all();
        self.at_path(written)
    }

    /// An answer on record that is not of the kind that is expected.
    pub(crate) fn unreadable(&self, error: serde_json::Error) -> LedgerError {
        LedgerError {
            path: self.path.clone(),
            source: io::Error::new(io::ErrorKind::InvalidData, error),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at_path<T>(&self, done: io::Result<T>) -> Result<T, LedgerError> {
        done.map_err(|source| LedgerError {
            path: self.path.clone(),
            source,
        })
    }
}

impl State {
    /// Does something with what all processes have written so far, while none of them writes.
    fn locked<T>(&mut self, act: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        let Some(file) = &self.file else {
            return act(self);
        };
        let lock = file.try_clone()?;
        let is_locked = lock.lock().is_ok(); // a file system without locks has one writer, or nobody's help
        let done = self.read_on().and_then(|()| act(self));
        if is_locked {
            lock.unlock()?;
        }
        done
    }

    fn read_on(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(self.read_to))?;
        file.read_to_end(&mut bytes)?;
        let (lines, whole) = lines::read(&bytes);
        self.read_to += whole as u64;
        self.torn = whole < bytes.len();
        lines.into_iter().for_each(|line| self.take(line));
        Ok(())
    }

    fn append(&mut self, lines: &[Line]) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            lines.iter().for_each(|line| self.take(line.clone()));
            return Ok(());
        };
        let end = if self.torn { "\n" } else { "" };
        file.write_all((end.to_owned() + &lines::written(lines)).as_bytes())?;
        self.read_on()
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Reserved { ticket, usd } => {
                self.reserved.insert(ticket, usd);
            }
            Line::Settled { ticket, usd } => {
                self.reserved.remove(&ticket);
                self.settled_usd += usd;
            }
            Line::Answer { request, kept } => {
                self.answers.insert(request, kept);
            }
            Line::Limit { usd } => self.limit_usd = Some(usd),
            Line::Fact { name, value } => {
                self.facts.insert(name, value);
            }
        }
    }

    /// `None`: wait until a call of this process has ended.
    fn claim(&mut self, request: &str, most_usd: f64) -> io::Result<Option<Claim>> {
        if let Some(kept) = self.answers.get(request) {
            return Ok(Some(Claim::Known(kept.clone())));
        }
        if self.under_way.contains(request) {
            return Ok(None);
        }
        let spent_usd = self.settled_usd + self.reserved.values().sum::<f64>();
        let is_over = |limit: &f64| spent_usd + most_usd > *limit;
        if let Some(limit_usd) = self.limit_usd.filter(is_over) {
            let over = Claim::OverCost {
                limit_usd,
                spent_usd,
            };
            return Ok(self.under_way.is_empty().then_some(over));
        }
        self.tickets += 1;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_nanos());
        let ticket = Ticket {
            request: request.to_owned(),
            id: format!("{}-{now}-{}", std::process::id(), self.tickets),
            usd: most_usd,
        };
        if most_usd > 0.0 {
            self.append(&[Line::Reserved {
                ticket: ticket.id.clone(),
                usd: most_usd,
            }])?;
        }
        self.under_way.insert(request.to_owned());
        Ok(Some(Claim::Granted(ticket)))
    }
}

#[cfg(test)]
mod tests;
