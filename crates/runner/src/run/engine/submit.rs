//! Trials become job arrays of Slurm: one array for trials that ask for the same, in pieces as long as the cluster takes; those that use a
//! search wait for the array that holds it, by Slurm's own dependencies.

use crate::registry::Methods;
use crate::run::engine::arrays::Arrays;
use crate::run::engine::requests::{Given, Request, requests};
use crate::run::engine::{files, slurm};
use crate::run::standing::Standing;
use crate::run::sweep::Run;
use anyhow::Context;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::env;
use std::fs;
use std::path::Path;

/// Hands trials of a run to Slurm.
pub(super) struct Submitter {
    methods: Methods,
    /// The user's.
    options: Vec<String>,
    /// Most tasks of an array.
    longest: usize,
    /// What trials ask for, by their places; asked once.
    requests: HashMap<usize, Request>,
    /// Machines that trials keep away from, by their places.
    pub(super) avoided: HashMap<usize, BTreeSet<String>>,
}

/// What tasks of one array have in common.
type Group = (bool, Request, BTreeSet<String>);

impl Submitter {
    pub(super) fn new(methods: Methods, run: &Run<'_>) -> Self {
        Self {
            methods,
            options: options(&run.arguments.slurm_option),
            longest: slurm::most_tasks(),
            requests: HashMap::new(),
            avoided: HashMap::new(),
        }
    }

    /// Hands over the trials at `places`; `active` are the arrays of the run's tasks that wait or run, by the trials' places. Returns how many
    /// arrays there are now.
    ///
    /// # Errors
    /// A disk that cannot be written; what sbatch says.
    pub(super) fn submit(
        &mut self,
        run: &Run<'_>,
        standing: &Standing,
        arrays: &mut Arrays,
        places: &[usize],
        active: &HashMap<usize, String>,
    ) -> anyhow::Result<usize> {
        self.ask(run, places)?;
        files::write_trials(run, places)?;
        let mut holders = active.clone();
        let mut before: BTreeSet<String> = active.values().cloned().collect();
        let mut handed = 0;
        for ((_, request, avoided), places) in self.groups(run, standing, places) {
            for some in places.chunks(self.longest) {
                let searches = some
                    .iter()
                    .filter_map(|&place| run.searches.for_trial(place));
                let mut after: BTreeSet<String> = searches
                    .filter(|search| !standing.is_on_record(*search))
                    .filter_map(|search| holders.get(&search).cloned())
                    .collect();
                if run.arguments.max_parallel.is_some() {
                    // The limit holds within an array; that it holds for the run, one follows the other.
                    after.extend(before.iter().cloned());
                }
                let job = self.array(run, arrays, some, &request, &avoided, &after)?;
                holders.extend(some.iter().map(|&place| (place, job.clone())));
                before = BTreeSet::from([job]);
                handed += 1;
            }
        }
        Ok(handed)
    }

    /// What trials ask for that were not handed over before.
    fn ask(&mut self, run: &Run<'_>, places: &[usize]) -> anyhow::Result<()> {
        let new = places.iter().copied();
        let new: Vec<usize> = new
            .filter(|place| !self.requests.contains_key(place))
            .collect();
        if !new.is_empty() {
            let asked = requests(self.methods, run, &new, Given::by(&self.options))?;
            self.requests.extend(new.into_iter().zip(asked));
        }
        Ok(())
    }

    /// Searches first, then those that use them.
    fn groups(
        &self,
        run: &Run<'_>,
        standing: &Standing,
        places: &[usize],
    ) -> BTreeMap<Group, Vec<usize>> {
        let mut groups: BTreeMap<Group, Vec<usize>> = BTreeMap::new();
        for &place in places {
            let search = run.searches.for_trial(place);
            let waits = search.is_some_and(|search| !standing.is_on_record(search));
            let request = self.requests.get(&place).cloned().unwrap_or_default();
            let avoided = self.avoided.get(&place).cloned().unwrap_or_default();
            groups
                .entry((waits, request, avoided))
                .or_default()
                .push(place);
        }
        groups
    }

    fn array(
        &self,
        run: &Run<'_>,
        arrays: &mut Arrays,
        places: &[usize],
        request: &Request,
        avoided: &BTreeSet<String>,
        after: &BTreeSet<String>,
    ) -> anyhow::Result<String> {
        let ids: Vec<&str> = places
            .iter()
            .map(|&place| run.trials[place].id.as_str())
            .collect();
        let (list, token) = arrays.begin(&ids)?;
        let dir = fs::canonicalize(&run.dir.path)?;
        let logs = files::jobs_dir(&dir).join("logs");
        fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
        let throttle = run.arguments.max_parallel;
        let throttle = throttle.map_or_else(String::new, |n| format!("%{n}"));
        let mut all = vec![
            format!("--job-name={}{token}", arrays.prefix),
            format!("--array=0-{}{throttle}", places.len() - 1),
            format!("--output={}", logs.join("%A_%a.txt").display()),
            "--open-mode=append".to_owned(),
            "--ntasks=1".to_owned(),
            "--requeue".to_owned(),
        ];
        all.extend(request.options());
        if !avoided.is_empty() {
            let nodes: Vec<&str> = avoided.iter().map(String::as_str).collect();
            all.push(format!("--exclude={}", nodes.join(",")));
        }
        if !after.is_empty() {
            let jobs: Vec<&str> = after.iter().map(String::as_str).collect();
            all.push(format!("--dependency=afterany:{}", jobs.join(":")));
        }
        // Behind the program's own, which they replace.
        all.extend(self.options.iter().cloned());
        let program = env::current_exe()?;
        let script = script(&program, &dir, &fs::canonicalize(list)?);
        let job = slurm::submit(&all, &script)?;
        arrays.handed_over(&token, &job)?;
        Ok(job)
    }
}

impl Request {
    fn options(&self) -> Vec<String> {
        let memory = self.memory_mib.map(|mib| format!("--mem={mib}M"));
        let time = self.minutes.map(|minutes| format!("--time={minutes}"));
        let gpu = self.gpu.then(|| "--gres=gpu:1".to_owned());
        [memory, time, gpu].into_iter().flatten().collect()
    }
}

/// What a task does: it runs the trial on its line of the list.
fn script(program: &Path, dir: &Path, list: &Path) -> String {
    let [program, dir, list] = [program, dir, list].map(quoted);
    format!(
        "#!/bin/sh\n\
         id=$(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" {list})\n\
         exec {program} trial {dir} \"$id\"\n"
    )
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

/// Options as sbatch takes them: `partition=gpu` and `--partition=gpu` are the same, `-p gpu` is two words.
fn options(given: &[String]) -> Vec<String> {
    let words = |option: &String| {
        if let Some((name, value)) = option.split_once(' ').filter(|_| option.starts_with('-')) {
            vec![name.to_owned(), value.trim().to_owned()]
        } else if option.starts_with('-') {
            vec![option.clone()]
        } else {
            vec![format!("--{option}")]
        }
    };
    given.iter().flat_map(words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_taken_with_and_without_dashes() {
        let given = ["partition=gpu", "--account=me", "-p long", "-x n3"].map(str::to_owned);
        let expected = ["--partition=gpu", "--account=me", "-p", "long", "-x", "n3"];
        assert_eq!(options(&given), expected);
    }

    #[test]
    fn a_script_runs_the_trial_on_its_line_whatever_the_paths_are() {
        let dir = tempfile::tempdir().unwrap();
        let list = dir.path().join("it's a list.txt");
        fs::write(&list, "first\nsecond one\n").unwrap();
        let text = script(Path::new("/bin/echo"), Path::new("/a b/it's"), &list);
        let path = dir.path().join("script.sh");
        fs::write(&path, text).unwrap();
        let said = std::process::Command::new("sh")
            .arg(path)
            .env("SLURM_ARRAY_TASK_ID", "1")
            .output()
            .unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert_eq!(said, "trial /a b/it's second one\n");
    }

    #[test]
    fn what_is_not_known_is_not_asked_for() {
        assert!(Request::default().options().is_empty());
        let request = Request {
            memory_mib: Some(768),
            minutes: Some(30),
            gpu: true,
        };
        assert_eq!(
            request.options(),
            ["--mem=768M", "--time=30", "--gres=gpu:1"]
        );
    }
}
