//! Samples in the format that Firefox's profiler calls processed, version 55: tables by columns,
//! which refer to each other by positions.
//!
//! ```text
//!  samples.stack ─▶ stackTable.prefix, .frame ─▶ frameTable.func ─▶ funcTable.name ─▶ stringArray
//! ```

use std::time::Duration;

use super::sampler::{INTERVAL, Samples};
use crate::json::Json;

/// The profile of the program `title`.
pub(super) fn profile(samples: &Samples, title: &str) -> Json {
    Json::object([
        ("meta", meta(samples, title)),
        ("libs", none()),
        ("threads", Json::Array(vec![thread(samples, title)])),
        ("pages", none()),
        ("profilerOverhead", none()),
        ("counters", none()),
    ])
}

fn meta(samples: &Samples, title: &str) -> Json {
    let category = Json::object([
        ("name", Json::text("WebAssembly")),
        ("color", Json::text("blue")),
        ("subcategories", Json::Array(vec![Json::text("Other")])),
    ]);
    let units = [("time", "ms"), ("eventDelay", "ms"), ("threadCPUDelta", "µs")];
    Json::object([
        ("categories", Json::Array(vec![category])),
        ("debug", Json::Bool(false)),
        ("extensions", table(&["id", "name", "baseURL"], [])),
        ("interval", milliseconds(INTERVAL)),
        ("preprocessedProfileVersion", Json::Number(55)),
        ("processType", Json::Number(0)),
        ("product", Json::text(title)),
        ("sampleUnits", Json::object(units.map(|(what, unit)| (what, Json::text(unit))))),
        ("startTime", milliseconds(samples.start_time)),
        ("symbolicated", Json::Bool(true)),
        ("pausedRanges", none()),
        ("version", Json::Number(24)),
        ("usesOnlyOneStackType", Json::Bool(true)),
        ("sourceCodeIsNotOnSearchfox", Json::Bool(true)),
        ("markerSchema", none()),
    ])
}

fn thread(samples: &Samples, title: &str) -> Json {
    let pid = std::process::id().to_string();
    let names = samples.functions.things.iter().map(Json::text);
    let markers = ["category", "data", "endTime", "name", "phase", "startTime"];
    Json::object([
        ("name", Json::text(title)),
        ("isMainThread", Json::Bool(true)),
        ("processName", Json::text(title)),
        ("processType", Json::text("default")),
        ("processStartupTime", Json::Number(0)),
        ("processShutdownTime", Json::Null),
        ("registerTime", Json::Number(0)),
        ("unregisterTime", Json::Null),
        ("pausedRanges", none()),
        ("pid", Json::text(&*pid)),
        ("tid", Json::text(pid)),
        ("samples", sample_table(samples)),
        ("stackTable", stack_table(samples)),
        ("frameTable", frame_table(samples)),
        ("funcTable", func_table(samples)),
        ("stringArray", Json::Array(names.collect())),
        ("markers", table(&markers, [])),
        ("nativeSymbols", table(&["address", "functionSize", "libIndex", "name"], [])),
        ("resourceTable", table(&["lib", "name", "host", "type"], [])),
    ])
}

fn sample_table(samples: &Samples) -> Json {
    let mut before = Duration::ZERO;
    let rows = samples.samples.iter().map(|(time, stack)| {
        let delta = time.saturating_sub(before);
        before = *time;
        [position(*stack), milliseconds(delta), Json::Number(1)]
    });
    let mut table = table(&["stack", "timeDeltas", "weight"], rows);
    if let Json::Object(columns) = &mut table {
        columns.push(("weightType", Json::text("samples")));
    }
    table
}

fn stack_table(samples: &Samples) -> Json {
    let rows = samples.stacks.things.iter();
    let rows = rows.map(|(prefix, function)| [position(*prefix), position(Some(*function))]);
    table(&["prefix", "frame"], rows)
}

/// A frame for each function: where in it is not told.
fn frame_table(samples: &Samples) -> Json {
    const COLUMNS: [&str; 9] = [
        "func",
        "address",
        "inlineDepth",
        "category",
        "subcategory",
        "nativeSymbol",
        "innerWindowID",
        "line",
        "column",
    ];
    let zero = || Json::Number(0);
    let row = |function| {
        let func = position(Some(function));
        let (none, line, column) = (Json::Null, Json::Null, Json::Null);
        [func, unknown(), zero(), zero(), zero(), none, zero(), line, column]
    };
    table(&COLUMNS, (0..samples.functions.things.len()).map(row))
}

fn func_table(samples: &Samples) -> Json {
    const COLUMNS: [&str; 7] =
        ["name", "isJS", "relevantForJS", "resource", "fileName", "lineNumber", "columnNumber"];
    let row = |function| {
        let (file, line, column) = (Json::Null, Json::Null, Json::Null);
        let no = || Json::Bool(false);
        [position(Some(function)), no(), no(), unknown(), file, line, column]
    };
    table(&COLUMNS, (0..samples.functions.things.len()).map(row))
}

/// A table by columns, with its length.
fn table<const N: usize>(
    names: &[&'static str; N],
    rows: impl IntoIterator<Item = [Json; N]>,
) -> Json {
    let mut columns: Vec<(&str, Vec<Json>)> = names.iter().map(|name| (*name, vec![])).collect();
    let mut count = 0;
    for row in rows {
        count += 1;
        for (value, (_, column)) in row.into_iter().zip(&mut columns) {
            column.push(value);
        }
    }
    let columns = columns.into_iter().map(|(name, column)| (name, Json::Array(column)));
    Json::Object(columns.chain([("length", Json::Number(count))]).collect())
}

fn none() -> Json {
    Json::Array(Vec::new())
}

/// What the format takes for a position or an address that is not known.
fn unknown() -> Json {
    Json::Fraction(-1.0)
}

fn position(position: Option<usize>) -> Json {
    position.map_or(Json::Null, |position| Json::Number(position as u64))
}

fn milliseconds(duration: Duration) -> Json {
    Json::Fraction(duration.as_secs_f64() * 1000.0)
}
