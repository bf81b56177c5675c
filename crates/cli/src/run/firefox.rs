//! Samples in the format that Firefox's profiler calls processed, version 55: tables by columns,
//! which refer to each other by positions.
//!
//! ```text
//!  samples.stack ─▶ stackTable.prefix, .frame ─▶ frameTable.func ─▶ funcTable.name ─▶ stringArray
//! ```
//!
//! **Invariants**
//! - Every position is one of the table that the column refers to, and a stack's prefix stands
//!   before it: what reads the format does not look first.

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

#[cfg(test)]
mod tests {
    use super::*;
    use Column::{Flag, Number, Row, RowOrNull, RowOrUnknown, Value};

    /// What a column may hold.
    #[derive(Clone, Copy)]
    enum Column {
        Number,
        Flag,
        /// A number, a text or null.
        Value,
        /// A row of that table.
        Row(&'static str),
        RowOrNull(&'static str),
        /// A row of that table, or -1.
        RowOrUnknown(&'static str),
    }

    /// The tables that a thread must have at version 55, with their columns.
    const TABLES: &[(&str, &[(&str, Column)])] = &[
        (
            "samples",
            &[("stack", RowOrNull("stackTable")), ("timeDeltas", Number), ("weight", Number)],
        ),
        ("stackTable", &[("prefix", RowOrNull("stackTable")), ("frame", Row("frameTable"))]),
        (
            "frameTable",
            &[
                ("func", Row("funcTable")),
                ("address", Number),
                ("inlineDepth", Number),
                ("category", Row("categories")),
                ("subcategory", Row("subcategories")),
                ("nativeSymbol", RowOrNull("nativeSymbols")),
                ("innerWindowID", Number),
                ("line", Value),
                ("column", Value),
            ],
        ),
        (
            "funcTable",
            &[
                ("name", Row("stringArray")),
                ("isJS", Flag),
                ("relevantForJS", Flag),
                ("resource", RowOrUnknown("resourceTable")),
                ("fileName", RowOrNull("stringArray")),
                ("lineNumber", Value),
                ("columnNumber", Value),
            ],
        ),
        ("resourceTable", &[("lib", Number), ("name", Number), ("host", Number), ("type", Number)]),
        (
            "nativeSymbols",
            &[("address", Number), ("functionSize", Value), ("libIndex", Number), ("name", Number)],
        ),
        (
            "markers",
            &[
                ("category", Number),
                ("data", Value),
                ("endTime", Value),
                ("name", Number),
                ("phase", Number),
                ("startTime", Value),
            ],
        ),
    ];

    /// What else there must be.
    const PROFILE: &[&str] = &["meta", "libs", "threads", "pages", "profilerOverhead", "counters"];
    const META: &[&str] = &[
        "categories",
        "debug",
        "extensions",
        "interval",
        "markerSchema",
        "preprocessedProfileVersion",
        "processType",
        "product",
        "startTime",
        "symbolicated",
        "version",
    ];
    const THREAD: &[&str] = &[
        "name",
        "isMainThread",
        "pausedRanges",
        "pid",
        "processName",
        "processShutdownTime",
        "processStartupTime",
        "processType",
        "registerTime",
        "stringArray",
        "tid",
        "unregisterTime",
    ];

    fn fields(value: &Json) -> &[(&'static str, Json)] {
        let Json::Object(fields) = value else { panic!("no object") };
        fields
    }

    #[track_caller]
    fn field<'a>(value: &'a Json, name: &str) -> &'a Json {
        let found = fields(value).iter().find(|(other, _)| *other == name);
        &found.unwrap_or_else(|| panic!("there is no `{name}`")).1
    }

    #[track_caller]
    fn array<'a>(value: &'a Json, name: &str) -> &'a [Json] {
        let Json::Array(values) = field(value, name) else { panic!("`{name}` is no array") };
        values
    }

    fn is_row(value: &Json, length: usize) -> bool {
        matches!(value, Json::Number(row) if *row < length as u64)
    }

    fn holds(value: &Json, column: Column, length: impl Fn(&str) -> usize) -> bool {
        match column {
            Number => matches!(value, Json::Number(_) | Json::Fraction(_)),
            Flag => matches!(value, Json::Bool(_)),
            Value => !matches!(value, Json::Array(_) | Json::Object(_)),
            Row(of) => is_row(value, length(of)),
            RowOrNull(of) => matches!(value, Json::Null) || is_row(value, length(of)),
            RowOrUnknown(of) => matches!(value, Json::Fraction(-1.0)) || is_row(value, length(of)),
        }
    }

    /// Of a program that recurses, calls from two places, and is once seen outside.
    fn seen() -> Samples {
        let stacks = ["main", "main work", "main work work", "", "start work", "main work"];
        let mut samples = Samples::new();
        for (position, stack) in stacks.iter().enumerate() {
            let names = stack.split_whitespace().map(str::to_owned);
            samples.add(Duration::from_micros(1500 * position as u64), names);
        }
        samples
    }

    #[test]
    fn tables_have_the_columns_of_the_format() {
        let profile = profile(&seen(), "guest");
        let [thread] = array(&profile, "threads") else { panic!("one thread") };
        let [category] = array(field(&profile, "meta"), "categories") else { panic!("one") };
        let length = |of: &str| match of {
            "stringArray" => array(thread, of).len(),
            "categories" => 1,
            "subcategories" => array(category, of).len(),
            of => match field(field(thread, of), "length") {
                Json::Number(length) => *length as usize,
                _ => panic!("`{of}` has no length"),
            },
        };
        for (table, columns) in TABLES {
            for (name, column) in *columns {
                let values = array(field(thread, table), name);
                assert_eq!(values.len(), length(table), "{table}.{name}");
                let wrong = values.iter().position(|value| !holds(value, *column, length));
                assert_eq!(wrong, None, "the row of {table}.{name}");
            }
        }
        let meta = field(&profile, "meta");
        for (names, within) in [(PROFILE, &profile), (META, meta), (THREAD, thread)] {
            for name in names {
                let _ = field(within, name);
            }
        }
    }

    #[test]
    fn a_stack_stands_after_the_one_that_called_it() {
        let profile = profile(&seen(), "guest");
        let stacks = field(&array(&profile, "threads")[0], "stackTable");
        let prefixes = array(stacks, "prefix");
        for (row, prefix) in prefixes.iter().enumerate() {
            assert!(matches!(prefix, Json::Null) || is_row(prefix, row), "{row}");
        }
        // main, main work, main work work; start, start work.
        assert_eq!(prefixes.len(), 5);
        assert_eq!(prefixes.iter().filter(|prefix| matches!(prefix, Json::Null)).count(), 2);
    }

    #[test]
    fn times_are_told_from_one_sample_to_the_next() {
        let profile = profile(&seen(), "guest");
        let samples = field(&array(&profile, "threads")[0], "samples");
        let deltas = array(samples, "timeDeltas").iter().map(|delta| match delta {
            Json::Fraction(delta) => *delta,
            _ => panic!("no time"),
        });
        assert_eq!(deltas.collect::<Vec<_>>(), [0.0, 1.5, 1.5, 1.5, 1.5, 1.5]);
        assert!(matches!(array(samples, "stack")[3], Json::Null), "outside of every function");
    }
}
