//! Sound inputs to change: fixtures of this repository and committed results, and small files made here. One folder an entry.

use super::readers::Reader;
use adapt::conformance::{Bench, variants};
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) const FAMILIES: [&str; 5] = ["bert", "distilbert", "roberta", "gpt2", "llama"];

/// Makes a part of the corpus.
type Make = fn(&Corpus) -> anyhow::Result<()>;

/// Where entries lie and what of the repository they are read against.
#[derive(Clone, Debug)]
pub(crate) struct Corpus {
    pub(super) root: PathBuf,
}

impl Corpus {
    /// A corpus that was made before.
    pub(crate) fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Makes what these readers read, in an empty folder.
    pub(crate) fn make(root: &Path, readers: &[&Reader]) -> anyhow::Result<Self> {
        let corpus = Self::at(root);
        let is_read = |part: &str| readers.iter().any(|reader| reader.part == part);
        let makers: [(&[&str], Make); 7] = [
            (&["models"], Self::make_models),
            (&["gguf"], Self::make_gguf),
            (&["peft"], Self::make_peft),
            (&["adapters", "texts"], Self::make_adapters),
            (&["tasks", "texts"], Self::make_tasks),
            (&["runs", "archives"], Self::make_runs),
            (&["plans"], Self::make_plans),
        ];
        for (parts, make) in makers {
            if parts.iter().any(|part| is_read(part)) {
                make(&corpus)?;
            }
        }
        corpus.file(
            "texts.txt",
            "a gripping film\nnot bad at all , in fact rather good despite the slow opening\n[MASK] <mask> <pad> [PAD] <s> [UNK]\n\
             zwölf Uhr, ÉTÉ 中文 a\u{301}\u{fb01}\u{200d}\u{1f600}\nx\n",
        )?;
        let pipe = Command::new("mkfifo").arg(corpus.pipe()).status()?;
        anyhow::ensure!(pipe.success(), "mkfifo failed");
        Ok(corpus)
    }

    /// A named pipe that nobody writes to.
    pub(crate) fn pipe(&self) -> PathBuf {
        self.root.join("pipe")
    }

    /// Texts that models read: short and long, empty, with names of special tokens, and of other scripts.
    pub(crate) fn texts(&self) -> PathBuf {
        self.root.join("texts.txt")
    }

    /// The unchanged model of an architecture.
    pub(crate) fn model(&self, family: &str) -> PathBuf {
        fixtures().join("oracle").join(family)
    }

    /// What a method saved.
    pub(crate) fn adapter(&self, family: &str, method: &str) -> PathBuf {
        self.root.join(format!("adapters/{family}+{method}"))
    }

    /// The entries of a part, sorted.
    pub(crate) fn entries(&self, part: &str) -> Vec<PathBuf> {
        let folder = self.root.join(part);
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        entries.sort();
        entries
    }

    pub(super) fn file(&self, path: &str, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("a folder"))?;
        fs::write(path, bytes)
    }

    /// Links the files of a folder, not those of folders within.
    pub(super) fn link(&self, from: &Path, to: &str) -> io::Result<()> {
        let to = self.root.join(to);
        fs::create_dir_all(&to)?;
        for file in fs::read_dir(from)? {
            let file = file?;
            let name = file.file_name();
            let name = name.to_string_lossy();
            let is_reference = name.starts_with("expected") || name.starts_with("gradients");
            if file.path().is_file() && !is_reference {
                symlink(file.path(), to.join(file.file_name()))?;
            }
        }
        Ok(())
    }

    /// PEFT's own adapters: `<family>+<name>`.
    fn make_peft(&self) -> anyhow::Result<()> {
        for family in FAMILIES {
            for folder in [
                fixtures().join("oracle").join(family).join("adapters"),
                fixtures().join("peft").join(family),
            ] {
                for adapter in fs::read_dir(folder)? {
                    let adapter = adapter?.path();
                    let name = adapter
                        .file_name()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned();
                    let entry = format!("peft/{family}+{name}");
                    self.link(&adapter, &entry)?;
                    self.file(&format!("{entry}/labels.txt"), "bad\nfine\ngood\n")?;
                }
            }
        }
        Ok(())
    }

    /// What every method saves, in each of the ways it computes: `<family>+<method>`.
    fn make_adapters(&self) -> anyhow::Result<()> {
        for family in ["bert", "gpt2"] {
            let device = ops::test_device();
            let base = transformer::load(&self.model(family), &device)?;
            let bench = Bench::new(base, device.autodiff());
            for method in runner::METHODS {
                if method.not_applicable(&bench.base).is_some() {
                    continue;
                }
                for (at, variant) in variants(*method).into_iter().enumerate() {
                    let predictor = bench
                        .fit(&variant, Value::Null, bench.budget(1, 8))
                        .map_err(|error| anyhow::anyhow!("{variant} on {family}: {error}"))?;
                    let name = match at {
                        0 => method.info().name.to_owned(),
                        _ => format!("{}-{at}", method.info().name),
                    };
                    let entry = self.root.join(format!("adapters/{family}+{name}"));
                    fs::create_dir_all(&entry)?;
                    predictor.save(&entry)?;
                }
            }
        }
        Ok(())
    }

    fn make_tasks(&self) -> anyhow::Result<()> {
        let rows: Vec<(String, &str)> = (0..24)
            .map(|row| {
                let label = ["bad", "fine", "good"][row % 3];
                (
                    format!("text {row}, \"quoted\" and {label} as it is"),
                    label,
                )
            })
            .collect();
        let tsv = |rows: &[(String, &str)]| {
            let lines: String = rows
                .iter()
                .map(|(text, label)| format!("{text}\t{label}\n"))
                .collect();
            format!("text\tlabel\n{lines}")
        };
        let csv = |rows: &[(String, &str)]| {
            let line = |(text, label): &(String, &str)| {
                format!(
                    "\"{}\",\"second, of {label}\",{label}\n",
                    text.replace('"', "\"\"")
                )
            };
            format!(
                "text_a,text_b,label\n{}",
                rows.iter().map(line).collect::<String>()
            )
        };
        let jsonl = |rows: &[(String, &str)]| {
            let line = |(text, label): &(String, &str)| {
                format!("{}\n", json!({"text": text, "label": label}))
            };
            rows.iter().map(line).collect::<String>()
        };
        for (from, to, split) in [(0, 12, "train"), (12, 18, "validation"), (18, 24, "test")] {
            let rows = &rows[from..to];
            self.file(&format!("tasks/tsv/{split}.tsv"), tsv(rows))?;
            self.file(&format!("tasks/csv/{split}.csv"), csv(rows))?;
            self.file(&format!("tasks/jsonl/{split}.jsonl"), jsonl(rows))?;
            let numbered = rows
                .iter()
                .enumerate()
                .map(|(at, (text, _))| format!("{text}\t{}\n", at % 3));
            self.file(
                &format!("tasks/card/{split}.tsv"),
                format!("sentence\tlabel\n{}", numbered.collect::<String>()),
            )?;
        }
        self.file(
            "tasks/tsv/labels.txt",
            "good\ta fine one\nbad\ta poor one\nfine\tneither\n",
        )?;
        self.file(
            "tasks/card/README.md",
            "---\ndataset_info:\n  features:\n  - name: sentence\n    dtype: string\n  - name: label\n    dtype:\n      class_label:\n        \
             names:\n          '0': bad\n          '1': fine\n          '2': good\n---\n\n# A data set\n",
        )?;
        let parquet = repository().join("crates/task/tests/fixtures/parquet");
        for name in ["categorical", "class_label", "float_label"] {
            let file = fs::read(parquet.join(format!("{name}.parquet")))?;
            for split in ["train", "test"] {
                self.file(&format!("tasks/{name}/{split}.parquet"), &file)?;
            }
            self.file(&format!("texts/{name}/input.parquet"), &file)?;
        }
        self.file("texts/tsv/input.tsv", tsv(&rows))?;
        self.file("texts/csv/input.csv", csv(&rows))?;
        self.file("texts/jsonl/input.jsonl", jsonl(&rows))?;
        self.file(
            "texts/txt/input.txt",
            "one text\nanother one\n\nünd \"so\" weiter\n",
        )?;
        Ok(())
    }

    /// Some trials of the committed results, in folders and packed.
    fn make_runs(&self) -> anyhow::Result<()> {
        for name in ["bundled-encoder", "minilm-banking77", "bundled-default"] {
            let from = repository().join("results").join(name);
            let run = self.root.join("runs").join(name);
            fs::create_dir_all(&run)?;
            fs::copy(from.join("run.json"), run.join("run.json"))?;
            let archive = fs::File::open(from.join(record::archive::ARCHIVE))?;
            let mut tar = tar::Archive::new(zstd::Decoder::new(archive)?);
            for entry in tar.entries()? {
                let mut entry = entry?;
                let path = entry.path()?.into_owned();
                let wanted = ["majority", "tf-idf", "lora", "finetune-all"];
                let trial = path
                    .iter()
                    .nth(1)
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                let method = trial.split("--").next().unwrap_or_default();
                if wanted.contains(&method)
                    && (trial.contains("--s0--") || trial.contains("--s1--"))
                {
                    let mut bytes = Vec::new();
                    entry.read_to_end(&mut bytes)?;
                    self.file(&format!("runs/{name}/{}", path.display()), bytes)?;
                }
            }
            record::store::write_compact(&run, &self.root.join("archives").join(name))?;
        }
        Ok(())
    }

    fn make_plans(&self) -> anyhow::Result<()> {
        for folder in ["crates/runner/plans", "scripts/plans"] {
            for plan in fs::read_dir(repository().join(folder))? {
                let plan = plan?.path();
                if plan.extension().is_some_and(|ending| ending == "toml") {
                    let name = plan.file_stem().unwrap_or_default().to_string_lossy();
                    self.file(&format!("plans/{name}/plan.toml"), fs::read(&plan)?)?;
                }
            }
        }
        self.file(
            "plans/every-key/plan.toml",
            "models = [\"novels-bert\"]\ntasks = [\"support-intents\"]\nmethods = [\"lora\", \"majority\"]\ndevices = [\"flex\"]\nseeds = [4, 2]\n\
             train_limit = 100\nvalidation_limit = 10\ntest_limit = 10\nepochs = 2\nbatch = 8\nmax_length = 64\ntune = 1\ntime_limit = 1.5\n\
             [budget]\nclip_norm = 1.0\n[settings.lora]\nrank = 3\n[[variant]]\nmethod = \"lora\"\nname = \"small\"\n[variant.settings]\nrank = 1\n",
        )?;
        Ok(())
    }
}

pub(super) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
