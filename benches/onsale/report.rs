//! Medians, goals, the table and the JSON file.

use std::{collections::BTreeMap, fmt, path::Path};

use serde_json::{Value, json};

const JSON_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench.json");

/// One figure of one run.
#[derive(Clone, Debug)]
pub struct Sample {
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
    pub goal: Goal,
}

/// What the figure should be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// No goal: the figure is a yardstick or a detail.
    None,
}

impl Goal {
    fn is_met(self, value: f64) -> Option<bool> {
        match self {
            Self::AtLeast(bound) => Some(value >= bound),
            Self::AtMost(bound) => Some(value <= bound),
            Self::None => None,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => formatter.pad(&format!(">= {}", short(*bound))),
            Self::AtMost(bound) => formatter.pad(&format!("<= {}", short(*bound))),
            Self::None => formatter.pad(""),
        }
    }
}

pub fn sample(name: impl Into<String>, value: f64, unit: &'static str, goal: Goal) -> Sample {
    Sample { name: name.into(), value, unit, goal }
}

/// All figures so far, in the order in which each was first measured.
pub struct Report {
    rows: Vec<(Sample, Vec<f64>)>,
    machine: BTreeMap<&'static str, String>,
}

impl Report {
    pub fn new() -> Self {
        Self { rows: Vec::new(), machine: machine() }
    }

    pub fn take(&mut self, samples: Vec<Sample>) {
        for sample in samples {
            match self.rows.iter_mut().find(|(known, _)| known.name == sample.name) {
                Some((_, values)) => values.push(sample.value),
                None => {
                    let value = sample.value;
                    self.rows.push((sample, vec![value]));
                }
            }
        }
    }

    pub fn write_json(&self) -> std::io::Result<()> {
        let rows: Vec<Value> = self.rows.iter().map(|(sample, values)| row(sample, values)).collect();
        let text = serde_json::to_string_pretty(&json!({ "machine": self.machine, "rows": rows }))?;
        std::fs::create_dir_all(Path::new(JSON_PATH).parent().expect("the file lies in a folder"))?;
        std::fs::write(JSON_PATH, text)
    }
}

fn row(sample: &Sample, values: &[f64]) -> Value {
    let median = median(values);
    let (goal, bound) = match sample.goal {
        Goal::AtLeast(bound) => (Some("at_least"), Some(bound)),
        Goal::AtMost(bound) => (Some("at_most"), Some(bound)),
        Goal::None => (None, None),
    };
    json!({
        "name": sample.name, "unit": sample.unit, "median": median, "values": values,
        "goal": goal, "bound": bound, "met": sample.goal.is_met(median),
    })
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "\n{:<58} {:>11} {:<10} {:<21} {:<11}", "figure", "median", "", "spread", "goal")?;
        for (sample, values) in &self.rows {
            let median = median(values);
            let met = match sample.goal.is_met(median) {
                Some(true) => "met",
                Some(false) => "MISSED",
                None => "",
            };
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            writeln!(
                formatter,
                "{:<58} {:>11} {:<10} {:<21} {:<11} {met}",
                sample.name,
                short(median),
                sample.unit,
                format!("{} to {}", short(least), short(most)),
                sample.goal
            )?;
        }
        let machine: Vec<String> = self.machine.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        writeln!(formatter, "\n{}", machine.join(" · "))
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The machine that the figures were measured on.
fn machine() -> BTreeMap<&'static str, String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu_information = read("/proc/cpuinfo");
    let model = cpu_information.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let descriptors = rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(0, |(soft, _)| soft);
    BTreeMap::from([
        ("cores", cores.to_string()),
        ("cpu", model.trim_start_matches([' ', '\t', ':']).to_owned()),
        ("descriptors", descriptors.to_string()),
        ("kernel", read("/proc/sys/kernel/osrelease").trim().to_owned()),
    ])
}
