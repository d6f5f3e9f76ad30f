//! Drops the exports of callbacks that the filter does not use, and the bodies of functions that
//! are unreachable without them. The function indices stay the same, so no other section changes.
use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, ExportSection, Function, Module};
use wasmparser::{ElementItems, ExternalKind, FunctionBody, Operator, Parser, Payload, TypeRef};

use crate::{FinishError, UNUSED};

/// Strips the module.
///
/// # Errors
/// If the bytes are not a module, or an export of [`UNUSED`] is missing.
pub(crate) fn stripped(linked: &[u8]) -> Result<Vec<u8>, FinishError> {
    let calls = Calls::read(linked)?;
    let missing =
        UNUSED.into_iter().find(|name| !calls.exports.iter().any(|(export, _)| export == name));
    if let Some(missing) = missing {
        return Err(FinishError::Missing(missing));
    }
    let mut stripped = Module::new();
    Stripping { is_reachable: calls.reachable(), next: 0 }.parse_core_module(
        &mut stripped,
        Parser::new(0),
        linked,
    )?;
    Ok(stripped.finish())
}

/// Which function calls which.
#[derive(Default)]
struct Calls<'m> {
    imported: u32,
    /// The functions that are exported, by name.
    exports: Vec<(&'m str, u32)>,
    /// Functions that are called in another way: through a table, or at the start.
    roots: Vec<u32>,
    /// The functions that each function names, without those that are imported.
    named: Vec<Vec<u32>>,
}

impl<'m> Calls<'m> {
    fn read(module: &'m [u8]) -> Result<Self, FinishError> {
        let mut calls = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        calls.imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        if matches!(export.kind, ExternalKind::Func | ExternalKind::FuncExact) {
                            calls.exports.push((export.name, export.index));
                        }
                    }
                }
                Payload::StartSection { func, .. } => calls.roots.push(func),
                Payload::ElementSection(elements) => {
                    for element in elements {
                        match element?.items {
                            ElementItems::Functions(functions) => {
                                for function in functions {
                                    calls.roots.push(function?);
                                }
                            }
                            ElementItems::Expressions(_, expressions) => {
                                for expression in expressions {
                                    let mut operators = expression?.get_operators_reader();
                                    while !operators.eof() {
                                        calls.roots.extend(function_of(&operators.read()?));
                                    }
                                }
                            }
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let mut named = Vec::new();
                    let mut operators = body.get_operators_reader()?;
                    while !operators.eof() {
                        named.extend(function_of(&operators.read()?));
                    }
                    calls.named.push(named);
                }
                _ => {}
            }
        }
        Ok(calls)
    }

    /// Whether each function can still be called, without those that are imported.
    fn reachable(&self) -> Vec<bool> {
        let mut is_reachable = vec![false; self.named.len()];
        let kept = self.exports.iter().filter(|(name, _)| !UNUSED.contains(name));
        let mut open: Vec<u32> =
            kept.map(|(_, function)| *function).chain(self.roots.iter().copied()).collect();
        while let Some(function) = open.pop() {
            let own = function.checked_sub(self.imported).and_then(|own| usize::try_from(own).ok());
            let Some(own) = own else { continue };
            let Some(is_reachable) = is_reachable.get_mut(own).filter(|it| !**it) else { continue };
            *is_reachable = true;
            open.extend(self.named.get(own).into_iter().flatten());
        }
        is_reachable
    }
}

/// The function that an operator calls or refers to.
const fn function_of(operator: &Operator<'_>) -> Option<u32> {
    match operator {
        Operator::Call { function_index }
        | Operator::ReturnCall { function_index }
        | Operator::RefFunc { function_index } => Some(*function_index),
        _ => None,
    }
}

struct Stripping {
    is_reachable: Vec<bool>,
    /// The function whose body comes next.
    next: usize,
}

impl Reencode for Stripping {
    type Error = Infallible;

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        for export in section {
            let export = export?;
            if !UNUSED.contains(&export.name) {
                utils::parse_export(self, exports, export)?;
            }
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<Infallible>> {
        let is_reachable = self.is_reachable.get(self.next).copied().unwrap_or(true);
        self.next += 1;
        if is_reachable {
            return utils::parse_function_body(self, code, body);
        }
        let mut trap = Function::new([]);
        trap.instructions().unreachable().end();
        code.function(&trap);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        ConstExpr, ElementSection, Elements, ExportKind, FunctionSection, RefType, TableSection,
        TableType, TypeSection,
    };

    use super::*;

    /// Functions of different lengths: 0 calls 1, 2 is in a table, 3 is exported as an unused
    /// callback and calls 4.
    fn module() -> Vec<u8> {
        let (mut types, mut functions, mut code) =
            (TypeSection::new(), FunctionSection::new(), CodeSection::new());
        let (mut tables, mut exports, mut elements) =
            (TableSection::new(), ExportSection::new(), ElementSection::new());
        types.ty().function([], []);
        for (length, called) in [(1, Some(1)), (2, None), (3, None), (4, Some(4)), (5, None)] {
            functions.function(0);
            let mut body = Function::new([]);
            let mut instructions = body.instructions();
            for _ in 0..length {
                instructions.nop();
            }
            if let Some(called) = called {
                instructions.call(called);
            }
            instructions.end();
            code.function(&body);
        }
        let kind = TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: 1,
            maximum: None,
            shared: false,
        };
        tables.table(kind);
        elements.active(
            Some(0),
            &ConstExpr::i32_const(0),
            Elements::Functions([2].as_slice().into()),
        );
        exports.export("proxy_on_tick", ExportKind::Func, 0);
        for name in UNUSED {
            exports.export(name, ExportKind::Func, 3);
        }
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&tables).section(&exports);
        module.section(&elements).section(&code);
        module.finish()
    }

    #[test]
    fn a_function_that_only_unused_callbacks_reach_becomes_a_trap_and_all_others_stay() {
        let bodies = |module: &[u8]| -> Vec<usize> {
            let sections = Parser::new(0).parse_all(module).map(Result::unwrap);
            let length = |payload| match payload {
                Payload::CodeSectionEntry(body) => Some(body.range().len()),
                _ => None,
            };
            sections.filter_map(length).collect()
        };
        let linked = module();
        let (before, after) = (bodies(&linked), bodies(&stripped(&linked).unwrap()));
        assert_eq!(before[..3], after[..3]);
        assert_eq!(after[3..], [3, 3], "no locals, `unreachable`, `end`");
        assert!(before[3] > 3 && before[4] > 3, "{before:?}");
    }
}
