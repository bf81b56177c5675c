//! Machine code as text, an instruction a line, with its address.

use brolga::CodeImage;
use brolga::inspect::{CodeRange, FunctionListing};
use capstone::prelude::*;

use crate::failure::Failure;

/// An instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Instruction {
    /// Where it is, in bytes from the image's start.
    pub(crate) address: u32,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// What it says.
    pub(crate) text: String,
    /// Where it goes, if it is a jump or a call to a place of the image.
    pub(crate) target: Option<u32>,
}

/// Reads machine code of one architecture.
pub(crate) struct Disassembler {
    capstone: Capstone,
}

impl Disassembler {
    /// For machines of this triple.
    pub(crate) fn new(triple: &str) -> Result<Self, Failure> {
        let architecture = triple.split('-').next().unwrap_or_default();
        let built = match architecture {
            "x86_64" => Capstone::new()
                .x86()
                .mode(arch::x86::ArchMode::Mode64)
                .syntax(arch::x86::ArchSyntax::Att)
                .build(),
            "aarch64" => Capstone::new().arm64().mode(arch::arm64::ArchMode::Arm).build(),
            "s390x" => Capstone::new().sysz().mode(arch::sysz::ArchMode::Default).build(),
            name if name.starts_with("riscv64") => Capstone::new()
                .riscv()
                .mode(arch::riscv::ArchMode::RiscV64)
                .extra_mode([arch::riscv::ArchExtraMode::RiscVC].into_iter())
                .build(),
            _ => {
                return Err(Failure::new(format!("machine code for {triple} can't be read here")));
            }
        };
        let broken = |error| Failure::new(format!("can't read machine code: {error}"));
        let mut capstone = built.map_err(broken)?;
        // What is none of its instructions is shown as bytes, and reading goes on.
        capstone.set_skipdata(true).map_err(broken)?;
        Ok(Self { capstone })
    }

    /// The instructions of the function of `listing`, which is at `range` in `image`; and then its
    /// constants, eight bytes a line.
    pub(crate) fn read(
        &self,
        image: &CodeImage,
        range: CodeRange,
        listing: &FunctionListing,
    ) -> Result<Vec<Instruction>, Failure> {
        let code = &image.code[range.start as usize..][..range.len as usize];
        // The last instruction came from some operator; constants came from none.
        let end = listing.sources.last().map_or(range.len, |source| source.end.min(range.len));
        let (code, constants) = code.split_at(end as usize);
        let read = self
            .capstone
            .disasm_all(code, u64::from(range.start))
            .map_err(|error| Failure::new(format!("can't read machine code: {error}")))?;
        let mut all: Vec<_> = read.iter().map(instruction).collect();
        let mut address = range.start + end;
        for bytes in constants.chunks(8) {
            let text: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let text = format!(".byte   {}", text.join(" "));
            all.push(Instruction { address, bytes: bytes.to_vec(), text, target: None });
            address += bytes.len() as u32;
        }
        Ok(all)
    }
}

fn instruction(read: &capstone::Insn<'_>) -> Instruction {
    let mnemonic = read.mnemonic().unwrap_or("?");
    let operands = read.op_str().unwrap_or_default();
    let text = match operands {
        "" => mnemonic.to_owned(),
        operands => format!("{mnemonic:<7} {operands}"),
    };
    Instruction {
        address: read.address() as u32,
        bytes: read.bytes().to_vec(),
        text,
        target: is_branch(mnemonic).then(|| address(operands)).flatten(),
    }
}

/// Whether what an instruction's last operand says may be a place in the code.
fn is_branch(mnemonic: &str) -> bool {
    let first = mnemonic.as_bytes().first();
    matches!(first, Some(b'j' | b'b' | b'c' | b't'))
}

/// The last operand, if it is an address.
fn address(operands: &str) -> Option<u32> {
    let last = operands.rsplit([',', ' ']).next()?;
    let number = last.trim_start_matches('#');
    match number.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        // Capstone writes small numbers so.
        None => number.parse().ok(),
    }
}
