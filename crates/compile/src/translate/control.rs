//! Blocks, loops, ifs and branches.
//!
//! Wasm control nests; here each open construct is a [`Frame`] in a vector. The Cranelift block
//! behind a wasm `block` is made when the first branch to it is met: most wasm blocks that a
//! compiler emits for scoping never become one.
//!
//! **Invariants**
//! - While code is unreachable nothing is emitted and no frame is pushed: `skipped` counts the
//!   constructs opened since, which their `end`s take back.
//! - A frame's values lie on the value stack from `height` on. For an `if` with parameters a copy
//!   of them lies beneath its own values, for the `else` to start from.
//! - Every block is sealed as soon as all branches to it have been emitted: a loop's header at its
//!   `end`, all others when translation goes on in them.

use brolga_module::TypeIndex;
use brolga_module::wasmparser::{BlockType, BrTable};
use cranelift_codegen::ir::{Block, BlockArg, BlockCall, InstBuilder, JumpTableData, Value};
use cranelift_codegen::packed_option::PackedOption;

use super::FuncTranslator;
use crate::error::CompileError;
use crate::func_env::{clif_type, clif_type_of_operand};

/// What an open construct is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// A `block`, the function's body, or an `if` past its `else`: branches go to its end.
    Block,
    /// A `loop`: branches go to its beginning.
    Loop,
    /// An `if` before its `else`.
    If,
}

/// An open construct.
#[derive(Debug)]
pub(super) struct Frame {
    kind: Kind,
    ty: BlockType,
    params: u32,
    results: u32,
    /// How many values lie on the value stack beneath those of the construct.
    height: usize,
    /// Where branches go; made on demand, for a loop at once.
    target: PackedOption<Block>,
    /// For an `if`: where the condition goes if it is zero.
    alternative: PackedOption<Block>,
    /// While a `br_table` is translated: the block that goes on to `target`.
    edge: PackedOption<Block>,
}

/// A `br_table` with more targets than this gets one block for each distinct target in between, so
/// that work does not grow with targets times locals.
const DIRECT_TARGETS_MAX: u32 = 128;

impl FuncTranslator<'_, '_> {
    /// Opens the function's body.
    pub(super) fn open_body(&mut self, ty: TypeIndex) {
        self.push_frame(Kind::Block, BlockType::FuncType(ty.0), None, None);
        // The parameters of the body are locals, not operands.
        let body = self.control.last_mut().expect("it was just pushed");
        body.params = 0;
        body.height = 0;
    }

    pub(super) fn translate_block(&mut self, ty: BlockType) {
        if self.skip_construct() {
            return;
        }
        self.push_frame(Kind::Block, ty, None, None);
    }

    pub(super) fn translate_loop(&mut self, ty: BlockType) {
        if self.skip_construct() {
            return;
        }
        let header = self.builder.create_block();
        let (params, _) = self.arity(ty);
        self.append_params(header, ty);
        self.jump(header, params);
        self.builder.switch_to_block(header);
        let height = self.stack.len() - params as usize;
        self.replace_from(height, header);
        self.push_frame(Kind::Loop, ty, Some(header), None);
        self.check_interruption();
    }

    pub(super) fn translate_if(&mut self, ty: BlockType) {
        if self.skip_construct() {
            return;
        }
        let condition = self.pop_condition();
        let consequent = self.builder.create_block();
        let alternative = self.builder.create_block();
        self.builder.ins().brif(condition, consequent, &[], alternative, &[]);
        self.continue_in(consequent);
        self.push_frame(Kind::If, ty, None, Some(alternative));
        let params = self.control.last().expect("it was just pushed").params as usize;
        self.stack.extend_from_within(self.stack.len() - params..);
    }

    pub(super) fn translate_else(&mut self) {
        if self.skipped > 0 {
            return;
        }
        let position = self.control.len() - 1;
        if self.reachable {
            self.jump_to_end(position);
        }
        let frame = &mut self.control[position];
        frame.kind = Kind::Block;
        let kept = frame.height + frame.params as usize;
        let alternative = frame.alternative.take().expect("an else belongs to an if");
        self.stack.truncate(kept);
        self.continue_in(alternative);
        self.reachable = true;
    }

    pub(super) fn translate_end(&mut self) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        let position = self.control.len() - 1;
        match self.control[position].kind {
            Kind::Loop => {
                let header = self.control[position].target.expect("a loop has its header");
                self.builder.seal_block(header);
            }
            Kind::Block => self.merge_at_end(position),
            Kind::If => self.end_without_else(position),
        }
        let frame = self.control.pop().expect("position is its last");
        if !self.reachable {
            self.stack.truncate(frame.height);
        } else if position == 0 {
            self.emit_return();
        }
    }

    /// An `if` that had no `else`: the condition's other way passes the parameters on.
    fn end_without_else(&mut self, position: usize) {
        let frame = &self.control[position];
        let (height, params) = (frame.height, frame.params);
        let alternative = frame.alternative.expect("an if has its alternative");
        if params == 0 && frame.target.is_none() {
            if self.reachable {
                self.builder.ins().jump(alternative, &[]);
            }
            self.continue_in(alternative);
            self.stack.truncate(height);
        } else {
            if self.reachable {
                self.jump_to_end(position);
            }
            self.continue_in(alternative);
            self.stack.truncate(height + params as usize);
            self.reachable = true;
            self.merge_at_end(position);
        }
        self.reachable = true;
    }

    /// Goes on behind the end of the construct at `position`, whichever ways lead there.
    fn merge_at_end(&mut self, position: usize) {
        let frame = &self.control[position];
        let height = frame.height;
        let Some(target) = frame.target.expand() else {
            if self.reachable {
                let results = self.stack.len() - frame.results as usize;
                self.stack.drain(height..results);
            }
            return;
        };
        if self.reachable {
            self.jump_to_end(position);
        }
        self.continue_in(target);
        self.replace_from(height, target);
        self.reachable = true;
    }

    /// `br`
    pub(super) fn translate_br(&mut self, depth: u32) {
        let position = self.position(depth);
        if position == 0 {
            return self.translate_return();
        }
        let (target, arity) = self.label(position);
        self.jump(target, arity);
        self.reachable = false;
    }

    /// `br_if`
    pub(super) fn translate_br_if(&mut self, depth: u32) {
        let condition = self.pop_condition();
        let position = self.position(depth);
        let (target, arity) = self.label(position);
        let next = self.builder.create_block();
        let args = self.take_args(arity);
        self.builder.ins().brif(condition, target, &args, next, &[]);
        self.args = args;
        self.continue_in(next);
    }

    /// `br_table`
    pub(super) fn translate_br_table(&mut self, targets: &BrTable<'_>) -> Result<(), CompileError> {
        let index = self.pop();
        let default = self.position(targets.default());
        let (_, arity) = self.label(default);
        self.check_branch_budget(targets.len(), arity)?;
        // Once for all edges: none of them dominates another.
        self.canonicalise_top(arity as usize);
        let direct = arity == 0 && targets.len() <= DIRECT_TARGETS_MAX;
        let mut edges = Vec::new();
        let mut calls = Vec::with_capacity(targets.len() as usize + 1);
        let depths = targets.targets().map(|depth| depth.expect("validation has read them"));
        for depth in core::iter::once(targets.default()).chain(depths) {
            let position = self.position(depth);
            let block =
                if direct { self.label(position).0 } else { self.edge(position, &mut edges) };
            let pool = &mut self.builder.func.dfg.value_lists;
            calls.push(BlockCall::new(block, [], pool));
        }
        let table = JumpTableData::new(calls[0], &calls[1..]);
        let table = self.builder.create_jump_table(table);
        self.builder.ins().br_table(index, table);
        for position in edges {
            let edge = self.control[position].edge.take().expect("it is in the list");
            self.continue_in(edge);
            let (target, arity) = self.label(position);
            self.jump(target, arity);
        }
        self.reachable = false;
        Ok(())
    }

    /// The block between a `br_table` and the construct at `position`, noted in `edges` when new.
    fn edge(&mut self, position: usize, edges: &mut Vec<usize>) -> Block {
        if let Some(edge) = self.control[position].edge.expand() {
            return edge;
        }
        let edge = self.builder.create_block();
        self.control[position].edge = edge.into();
        edges.push(position);
        edge
    }

    /// `return`
    pub(super) fn translate_return(&mut self) {
        self.emit_return();
        self.reachable = false;
    }

    /// Returns the topmost values, as many as the function has results.
    fn emit_return(&mut self) {
        let results = self.builder.func.signature.returns.len();
        self.canonicalise_top(results);
        let values = &self.stack[self.stack.len() - results..];
        self.builder.ins().return_(values);
    }

    /// Takes note of a construct in unreachable code; `false` in code that can be reached.
    fn skip_construct(&mut self) -> bool {
        self.skipped += u32::from(!self.reachable);
        !self.reachable
    }

    fn push_frame(
        &mut self,
        kind: Kind,
        ty: BlockType,
        target: Option<Block>,
        alternative: Option<Block>,
    ) {
        let (params, results) = self.arity(ty);
        self.control.push(Frame {
            kind,
            ty,
            params,
            results,
            height: self.stack.len().saturating_sub(params as usize),
            target: target.into(),
            alternative: alternative.into(),
            edge: None.into(),
        });
    }

    /// Where in `control` the construct of a branch with label `depth` is.
    fn position(&self, depth: u32) -> usize {
        self.control.len() - 1 - depth as usize
    }

    /// Where a branch to the construct at `position` goes, and how many values it takes along.
    fn label(&mut self, position: usize) -> (Block, u32) {
        let frame = &self.control[position];
        let arity = match frame.kind {
            Kind::Loop => frame.params,
            Kind::Block | Kind::If => frame.results,
        };
        if let Some(target) = frame.target.expand() {
            return (target, arity);
        }
        let ty = frame.ty;
        let target = self.builder.create_block();
        self.append_results(target, ty);
        self.control[position].target = target.into();
        (target, arity)
    }

    /// Jumps to the end of the construct at `position` with its results.
    fn jump_to_end(&mut self, position: usize) {
        let (target, results) = self.label(position);
        self.jump(target, results);
    }

    /// Jumps with the topmost `arity` values, which stay on the stack.
    fn jump(&mut self, target: Block, arity: u32) {
        let args = self.take_args(arity);
        self.builder.ins().jump(target, &args);
        self.args = args;
    }

    /// The topmost `arity` values as arguments of a branch. The vector is `self.args`, to be put
    /// back after use.
    fn take_args(&mut self, arity: u32) -> Vec<BlockArg> {
        let arity = arity as usize;
        self.canonicalise_top(arity);
        let mut args = core::mem::take(&mut self.args);
        args.clear();
        let values = &self.stack[self.stack.len() - arity..];
        args.extend(values.iter().map(|&value| BlockArg::Value(value)));
        args
    }

    /// Puts the parameters of `block` on the stack in place of what lies there from `height` on.
    fn replace_from(&mut self, height: usize, block: Block) {
        self.stack.truncate(height);
        let params: &[Value] = self.builder.func.dfg.block_params(block);
        self.stack.extend_from_slice(params);
    }

    /// How many parameters and results constructs of type `ty` have.
    fn arity(&self, ty: BlockType) -> (u32, u32) {
        match ty {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(ty) => {
                let ty = &self.env.module.types[ty as usize];
                (ty.params().len() as u32, ty.results().len() as u32)
            }
        }
    }

    fn append_params(&mut self, block: Block, ty: BlockType) {
        if let BlockType::FuncType(ty) = ty {
            for &param in self.env.module.types[ty as usize].params() {
                self.builder.append_block_param(block, clif_type(param));
            }
        }
    }

    fn append_results(&mut self, block: Block, ty: BlockType) {
        match ty {
            BlockType::Empty => {}
            BlockType::Type(result) => {
                let result = clif_type_of_operand(result);
                self.builder.append_block_param(block, result);
            }
            BlockType::FuncType(ty) => {
                for &result in self.env.module.types[ty as usize].results() {
                    self.builder.append_block_param(block, clif_type(result));
                }
            }
        }
    }
}
