//! The sections that hold what a module starts out with: element segments, function bodies, data
//! segments. And the constant expressions in them.

use wasmparser::{FunctionBody, SectionLimited};

use super::{Decoder, Result, taken, unsupported, validated};
use crate::{
    ConstExpr, ConstOp, DataMode, DataSegment, ElementItems, ElementMode, ElementSegment,
    FuncIndex, MemoryIndex, RefType, TableIndex, convert, limits,
};

impl Decoder {
    pub(super) fn decode_elements(
        &mut self,
        section: SectionLimited<'_, wasmparser::Element<'_>>,
    ) -> Result<()> {
        let before = self.module.elements.len();
        let limit = &limits::ELEMENT_SEGMENTS;
        self.read(&section, "element", limit, before, |offset, segment| {
            let count = match &segment.items {
                wasmparser::ElementItems::Functions(items) => items.count(),
                wasmparser::ElementItems::Expressions(_, items) => items.count(),
            };
            limits::ELEMENTS.check(count.into(), offset)
        })?;
        validated("element", self.validator.element_section(&section))?;
        for segment in section.into_iter_with_offsets() {
            let (offset, segment) = taken("element", segment)?;
            self.take_element(segment, offset)?;
        }
        Ok(())
    }

    fn take_element(&mut self, segment: wasmparser::Element<'_>, offset: u64) -> Result<()> {
        let mode = match segment.kind {
            wasmparser::ElementKind::Passive => ElementMode::Passive,
            wasmparser::ElementKind::Declared => ElementMode::Declared,
            wasmparser::ElementKind::Active { table_index, offset_expr } => ElementMode::Active {
                table: TableIndex(table_index.unwrap_or(0)),
                offset: self.take_expr("element", &offset_expr)?,
            },
        };
        let (element, items) = match segment.items {
            wasmparser::ElementItems::Functions(items) => {
                (RefType::FUNCREF, ElementItems::Functions(self.take_func_indices(items)?))
            }
            wasmparser::ElementItems::Expressions(ty, items) => {
                let ty = convert::ref_type(ty).ok_or_else(|| unsupported("element", offset))?;
                (ty, self.take_element_exprs(items)?)
            }
        };
        self.module.elements.push(ElementSegment { element, mode, items });
        Ok(())
    }

    fn take_func_indices(&mut self, items: SectionLimited<'_, u32>) -> Result<Box<[FuncIndex]>> {
        let mut functions = Vec::with_capacity(items.count() as usize);
        for index in items {
            let func = FuncIndex(taken("element", index)?);
            self.note_escape(func);
            functions.push(func);
        }
        Ok(functions.into())
    }

    /// The items of a segment of expressions; as functions if each is just a `ref.func`, which
    /// takes a twentieth of the memory and is what producers write for want of the other form.
    fn take_element_exprs(
        &mut self,
        items: SectionLimited<'_, wasmparser::ConstExpr<'_>>,
    ) -> Result<ElementItems> {
        if let Some(functions) = self.take_ref_funcs(items.clone())? {
            return Ok(ElementItems::Functions(functions));
        }
        let mut exprs = Vec::with_capacity(items.count() as usize);
        for expr in items {
            exprs.push(self.take_expr("element", &taken("element", expr)?)?);
        }
        Ok(ElementItems::Expressions(exprs.into()))
    }

    fn take_ref_funcs(
        &mut self,
        items: SectionLimited<'_, wasmparser::ConstExpr<'_>>,
    ) -> Result<Option<Box<[FuncIndex]>>> {
        let mut functions = Vec::new();
        for expr in items {
            let expr = self.take_expr("element", &taken("element", expr)?)?;
            let [ConstOp::RefFunc(func)] = *expr.ops else { return Ok(None) };
            functions.push(func);
        }
        Ok(Some(functions.into()))
    }

    pub(super) fn decode_body(&mut self, body: &FunctionBody<'_>) -> Result<()> {
        let range = body.range();
        limits::BODY_BYTES.check(range.end - range.start, range.start)?;
        let func = validated("code", self.validator.code_section_entry(body))?;
        self.module.validator.get_or_insert(func.resources);
        self.module.bodies.push(range.start as usize..range.end as usize);
        Ok(())
    }

    pub(super) fn decode_data(
        &mut self,
        section: SectionLimited<'_, wasmparser::Data<'_>>,
    ) -> Result<()> {
        let before = self.module.data.len();
        self.read(&section, "data", &limits::DATA_SEGMENTS, before, |_, _| Ok(()))?;
        validated("data", self.validator.data_section(&section))?;
        for segment in section {
            let segment = taken("data", segment)?;
            let mode = match segment.kind {
                wasmparser::DataKind::Passive => DataMode::Passive,
                wasmparser::DataKind::Active { memory_index, offset_expr } => DataMode::Active {
                    memory: MemoryIndex(memory_index),
                    offset: self.take_expr("data", &offset_expr)?,
                },
            };
            let end = segment.range.end as usize;
            let range = end - segment.data.len()..end;
            self.module.data.push(DataSegment { mode, range });
        }
        Ok(())
    }

    pub(super) fn take_expr(
        &mut self,
        section: &'static str,
        expr: &wasmparser::ConstExpr<'_>,
    ) -> Result<ConstExpr> {
        let mut ops = Vec::with_capacity(1);
        for operator in expr.get_operators_reader().into_iter_with_offsets() {
            let (operator, offset) = taken(section, operator)?;
            if let wasmparser::Operator::End = operator {
                continue;
            }
            let op = convert::const_op(&operator).ok_or_else(|| unsupported(section, offset))?;
            if let ConstOp::RefFunc(func) = op {
                self.note_escape(func);
            }
            ops.push(op);
        }
        Ok(ConstExpr { ops: ops.into() })
    }
}
