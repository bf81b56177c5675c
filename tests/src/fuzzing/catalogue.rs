//! Every operator that computes values from values, with its types, read off wasmparser's list.
//!
//! **Invariants**
//! - The list is wasmparser's; types follow from names, and [`tests`] validates a use of each.
//! - A vector that float operators made is a type of its own, by its lanes: its NaNs may have any
//!   bits, so only float operators may look at it. The same holds for [`Kind::F32`] and
//!   [`Kind::F64`]; operators that look at bits say so in [`Operator::looks_at_bits`].

use brolga_module::{ValType, wasmparser};

/// A type as operators combine it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// i32.
    I32,
    /// i64.
    I64,
    /// f32.
    F32,
    /// f64.
    F64,
    /// v128, every bit of it known.
    Bits,
    /// v128 with four floats.
    F32x4,
    /// v128 with two floats.
    F64x2,
}

impl Kind {
    /// The type.
    pub fn ty(self) -> ValType {
        match self {
            Kind::I32 => ValType::I32,
            Kind::I64 => ValType::I64,
            Kind::F32 => ValType::F32,
            Kind::F64 => ValType::F64,
            Kind::Bits | Kind::F32x4 | Kind::F64x2 => ValType::V128,
        }
    }
}

/// An operator from values to values.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Its name in the text format.
    pub name: String,
    /// What it takes.
    pub operands: Vec<Kind>,
    /// What it gives.
    pub results: Vec<Kind>,
    /// How many lanes its immediate can name, and how often it does.
    pub lanes: Option<(u8, u8)>,
    /// Whether engines may differ.
    pub relaxed: bool,
}

impl Operator {
    /// Whether the bits of a NaN show in the result.
    pub fn looks_at_bits(&self) -> bool {
        ["reinterpret", "copysign"].iter().any(|part| self.name.contains(part))
    }
}

macro_rules! rows {
    ($(@$proposal:ident $name:ident $({ $($field:ident: $ty:ty),* })? => $visit:ident (arity $($arity:tt)*))*) => {
        /// wasmparser's operators: proposal, name of the visitor, immediates, arity.
        const ROWS: &[(&str, &str, &[&str], &str)] = &[
            $((stringify!($proposal), stringify!($visit), &[$($(stringify!($field)),*)?], stringify!($($arity)*))),*
        ];
    };
}

wasmparser::for_each_operator!(rows);

const PROPOSALS: [&str; 6] =
    ["mvp", "sign_extension", "saturating_float_to_int", "simd", "relaxed_simd", "wide_arithmetic"];

/// All of them, in wasmparser's order.
pub fn operators() -> Vec<Operator> {
    ROWS.iter()
        .filter(|(proposal, _, fields, _)| {
            PROPOSALS.contains(proposal) && matches!(fields, [] | ["lane"] | ["lanes"])
        })
        .filter_map(|(proposal, visit, fields, arity)| {
            operator(visit, fields, arity, *proposal == "relaxed_simd")
        })
        .collect()
}

/// `None` if it is no computation: control, parameters, constants.
fn operator(visit: &str, fields: &[&str], arity: &str, relaxed: bool) -> Option<Operator> {
    let (prefix, rest) = visit.strip_prefix("visit_")?.split_once('_')?;
    let name = format!("{prefix}.{rest}");
    let (count, results) = arity.split_once("->")?;
    let count: usize = count.trim().parse().ok()?;
    let results: usize = results.trim().parse().ok()?;
    let (operands, result, lanes) = match prefix {
        "i32" | "i64" | "f32" | "f64" => {
            let own = scalar(prefix)?;
            let is_test = is_comparison(rest) || rest == "eqz";
            let source = mentioned(rest, scalar).filter(|_| count == 1).unwrap_or(own);
            (vec![source; count], if is_test { Kind::I32 } else { own }, None)
        }
        "i8x16" | "i16x8" | "i32x4" | "i64x2" | "f32x4" | "f64x2" | "v128" => {
            vector(prefix, rest, count, fields)
        }
        _ => return None,
    };
    Some(Operator { name, operands, results: vec![result; results], lanes, relaxed })
}

type Types = (Vec<Kind>, Kind, Option<(u8, u8)>);

fn vector(prefix: &str, rest: &str, count: usize, fields: &[&str]) -> Types {
    let own = vector_kind(prefix).unwrap_or(Kind::Bits);
    let lane = lane_kind(prefix);
    let lane_count = prefix.split_once('x').and_then(|(_, count)| count.parse().ok()).unwrap_or(16);
    let lanes = (fields == ["lane"]).then_some((lane_count, 1));
    match rest {
        "splat" => (vec![lane], own, None),
        "any_true" | "all_true" | "bitmask" => (vec![own], Kind::I32, None),
        "shl" | "shr_s" | "shr_u" => (vec![own, Kind::I32], own, None),
        "shuffle" => (vec![own; 2], own, Some((32, 16))),
        "replace_lane" => (vec![own, lane], own, lanes),
        _ if rest.starts_with("extract_lane") => (vec![own], lane, lanes),
        _ if is_comparison(rest) => (vec![own; 2], Kind::Bits, None),
        _ => {
            let source = mentioned(rest, vector_kind).filter(|_| count == 1).unwrap_or(own);
            (vec![source; count], own, None)
        }
    }
}

fn is_comparison(rest: &str) -> bool {
    let first = rest.split('_').next().unwrap_or_default();
    ["eq", "ne", "lt", "gt", "le", "ge"].contains(&first)
}

/// The last type that a name mentions: what a conversion starts from.
fn mentioned(rest: &str, kind: impl Fn(&str) -> Option<Kind>) -> Option<Kind> {
    rest.split('_').filter_map(kind).next_back()
}

fn scalar(name: &str) -> Option<Kind> {
    match name {
        "i32" => Some(Kind::I32),
        "i64" => Some(Kind::I64),
        "f32" => Some(Kind::F32),
        "f64" => Some(Kind::F64),
        _ => None,
    }
}

fn vector_kind(name: &str) -> Option<Kind> {
    match name {
        "f32x4" => Some(Kind::F32x4),
        "f64x2" => Some(Kind::F64x2),
        "i8x16" | "i16x8" | "i32x4" | "i64x2" => Some(Kind::Bits),
        _ => None,
    }
}

fn lane_kind(prefix: &str) -> Kind {
    match prefix {
        "i64x2" => Kind::I64,
        "f32x4" => Kind::F32,
        "f64x2" => Kind::F64,
        _ => Kind::I32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wrong types would not validate; operators that were left out would be missed here.
    #[test]
    fn every_operator_has_its_types() {
        let operators = operators();
        assert_eq!(operators.len(), 373, "wasmparser's list has changed");
        for name in ["i32.rotl", "i64.mul_wide_s", "i8x16.shuffle", "f32x4.relaxed_madd"] {
            assert!(operators.iter().any(|operator| operator.name == name), "{name} is missing");
        }
        for operator in operators {
            let text = |kinds: &[Kind]| {
                let names = kinds.iter().map(|kind| format!("{:?}", kind.ty()).to_lowercase());
                names.collect::<Vec<_>>().join(" ")
            };
            let lanes = operator.lanes.map_or(0, |(_, count)| count);
            let module = format!(
                "(module (func (param {}) (result {}) {} {} {}))",
                text(&operator.operands),
                text(&operator.results),
                (0..operator.operands.len()).map(|i| format!("local.get {i} ")).collect::<String>(),
                operator.name,
                "1 ".repeat(lanes.into()),
            );
            let bytes = wat::parse_str(&module).unwrap_or_else(|error| panic!("{module}: {error}"));
            brolga_module::validate(&bytes, brolga_module::Features::ALL)
                .unwrap_or_else(|error| panic!("{module}: {error}"));
        }
    }
}
