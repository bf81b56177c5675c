//! Every load and store operator, a line each, and what it does to bytes.
//!
//! **Invariants**
//! - The table is complete: [`missing`] compares it with wasmparser's.
//! - The model knows bytes, widths and lanes, nothing of code.

use brolga::Val;
use brolga_module::wasmparser;

/// A load or store.
pub struct Operator {
    /// Its name in the text format.
    pub name: &'static str,
    /// The type of the value, in the text format.
    pub ty: &'static str,
    /// How many bytes it reads or writes.
    pub width: usize,
    /// What it does with them.
    pub shape: Shape,
}

/// What becomes of the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Loaded, the rest of the value is zero.
    Load,
    /// Loaded, the sign goes on to the type's width.
    LoadSigned,
    /// Eight bytes loaded as lanes of so many bytes, each made twice as wide.
    Widen(usize),
    /// The same with the sign of each lane.
    WidenSigned(usize),
    /// Loaded into every lane.
    Splat,
    /// Loaded into the last lane of a given vector.
    LoadLane,
    /// The low bytes of the value are stored.
    Store,
    /// The last lane is stored.
    StoreLane,
}

macro_rules! operators {
    ($($name:literal $ty:ident $width:literal $shape:expr;)*) => {
        /// All of them.
        pub const OPERATORS: &[Operator] = &[
            $(Operator { name: $name, ty: stringify!($ty), width: $width, shape: $shape },)*
        ];
    };
}

use Shape::*;

// name, type, bytes, shape
operators! {
    "i32.load" i32 4 Load;
    "i64.load" i64 8 Load;
    "f32.load" f32 4 Load;
    "f64.load" f64 8 Load;
    "i32.load8_s" i32 1 LoadSigned;
    "i32.load8_u" i32 1 Load;
    "i32.load16_s" i32 2 LoadSigned;
    "i32.load16_u" i32 2 Load;
    "i64.load8_s" i64 1 LoadSigned;
    "i64.load8_u" i64 1 Load;
    "i64.load16_s" i64 2 LoadSigned;
    "i64.load16_u" i64 2 Load;
    "i64.load32_s" i64 4 LoadSigned;
    "i64.load32_u" i64 4 Load;
    "i32.store" i32 4 Store;
    "i64.store" i64 8 Store;
    "f32.store" f32 4 Store;
    "f64.store" f64 8 Store;
    "i32.store8" i32 1 Store;
    "i32.store16" i32 2 Store;
    "i64.store8" i64 1 Store;
    "i64.store16" i64 2 Store;
    "i64.store32" i64 4 Store;
    "v128.load" v128 16 Load;
    "v128.load8x8_s" v128 8 WidenSigned(1);
    "v128.load8x8_u" v128 8 Widen(1);
    "v128.load16x4_s" v128 8 WidenSigned(2);
    "v128.load16x4_u" v128 8 Widen(2);
    "v128.load32x2_s" v128 8 WidenSigned(4);
    "v128.load32x2_u" v128 8 Widen(4);
    "v128.load8_splat" v128 1 Splat;
    "v128.load16_splat" v128 2 Splat;
    "v128.load32_splat" v128 4 Splat;
    "v128.load64_splat" v128 8 Splat;
    "v128.load32_zero" v128 4 Load;
    "v128.load64_zero" v128 8 Load;
    "v128.load8_lane" v128 1 LoadLane;
    "v128.load16_lane" v128 2 LoadLane;
    "v128.load32_lane" v128 4 LoadLane;
    "v128.load64_lane" v128 8 LoadLane;
    "v128.store" v128 16 Store;
    "v128.store8_lane" v128 1 StoreLane;
    "v128.store16_lane" v128 2 StoreLane;
    "v128.store32_lane" v128 4 StoreLane;
    "v128.store64_lane" v128 8 StoreLane;
}

/// The value that stores write, and that lanes are loaded into: no two bytes are alike.
pub const OPERAND: u128 = 0xf1e2_d3c4_b5a6_9788_7968_5746_3524_1302;

impl Operator {
    /// Whether memory is written.
    pub fn is_store(&self) -> bool {
        matches!(self.shape, Store | StoreLane)
    }

    /// The operator with its offset and lane, as text.
    pub fn text(&self, memory: &str, offset: u64) -> String {
        let lane = match self.shape {
            LoadLane | StoreLane => format!(" {}", 16 / self.width - 1),
            _ => String::new(),
        };
        format!("{} {memory} offset={offset}{lane}", self.name)
    }

    /// What stands on the stack above the address, as text.
    pub fn operand(&self) -> String {
        match (self.shape, self.ty) {
            (LoadLane | StoreLane | Store, "v128") => {
                let [low, high] = [OPERAND as u64, (OPERAND >> 64) as u64];
                format!("(v128.const i64x2 {} {})", low as i64, high as i64)
            }
            (Store, "i32") => format!("(i32.const {})", OPERAND as i32),
            (Store, "i64") => format!("(i64.const {})", OPERAND as i64),
            (Store, "f32") => format!("(f32.reinterpret_i32 (i32.const {}))", OPERAND as i32),
            (Store, "f64") => format!("(f64.reinterpret_i64 (i64.const {}))", OPERAND as i64),
            _ => String::new(),
        }
    }

    /// The bits of what is loaded from `bytes`.
    pub fn loaded(&self, bytes: &[u8]) -> u128 {
        let whole = little_endian(bytes);
        let type_bits = if self.ty.ends_with("32") { 32 } else { 64 };
        match self.shape {
            Load => whole,
            LoadSigned => sign_extended(whole, self.width * 8, type_bits),
            Widen(lane) => lanes(bytes, lane, little_endian),
            WidenSigned(lane) => {
                lanes(bytes, lane, |part| sign_extended(little_endian(part), lane * 8, lane * 16))
            }
            Splat => {
                (0..16 / self.width).fold(0, |sum, lane| sum | whole << (lane * self.width * 8))
            }
            LoadLane => {
                let shift = 128 - self.width * 8;
                OPERAND << (self.width * 8) >> (self.width * 8) | whole << shift
            }
            Store | StoreLane => unreachable!("a store loads nothing"),
        }
    }

    /// The bytes that are stored.
    pub fn stored(&self) -> Vec<u8> {
        let bytes = OPERAND.to_le_bytes();
        match self.shape {
            StoreLane => bytes[16 - self.width..].to_vec(),
            _ => bytes[..self.width].to_vec(),
        }
    }
}

/// The bits of a value.
pub fn bits(value: &Val) -> u128 {
    match value {
        Val::I32(value) => (*value as u32).into(),
        Val::I64(value) => (*value as u64).into(),
        Val::F32(bits) => (*bits).into(),
        Val::F64(bits) => (*bits).into(),
        Val::V128(vector) => vector.as_u128(),
        other => panic!("no operator loads {other:?}"),
    }
}

fn little_endian(bytes: &[u8]) -> u128 {
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u128::from(*byte))
}

fn sign_extended(value: u128, from_bits: usize, to_bits: usize) -> u128 {
    let extended = (value << (128 - from_bits)) as i128 >> (128 - from_bits);
    extended as u128 & (u128::MAX >> (128 - to_bits))
}

/// Each `width` bytes made a lane of twice the width.
fn lanes(bytes: &[u8], width: usize, lane: impl Fn(&[u8]) -> u128) -> u128 {
    let parts = bytes.chunks(width).enumerate();
    parts.fold(0, |sum, (position, part)| sum | lane(part) << (position * width * 16))
}

macro_rules! with_memarg {
    ($(@$proposal:ident $name:ident $({ $($field:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
        /// wasmparser's operators: proposal, name, immediates.
        const PARSED: &[(&str, &str, &[&str])] =
            &[$((stringify!($proposal), stringify!($name), &[$($(stringify!($field)),*)?])),*];
    };
}

wasmparser::for_each_operator!(with_memarg);

/// Loads and stores that wasmparser knows and the table does not; atomic ones are not ours yet.
pub fn missing() -> Vec<&'static str> {
    let plain = |name: &str| name.replace(['.', '_'], "").to_lowercase();
    let is_listed = |name: &str| OPERATORS.iter().any(|row| plain(row.name) == plain(name));
    PARSED
        .iter()
        .filter(|(proposal, _, immediates)| {
            immediates.contains(&"memarg") && matches!(*proposal, "mvp" | "simd")
        })
        .map(|(_, name, _)| *name)
        .filter(|name| !is_listed(name))
        .collect()
}
