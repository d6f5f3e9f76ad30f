//! Where V8 puts the module's code. It runs beside a proxy whose own code fills the processor's
//! caches, so what counts is how many of their lines a request needs: what is used lies together,
//! and what hardly ever happens behind it.
use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{BranchHint, BranchHints, CodeSection, FunctionSection, Module};
use wasmparser::Parser;

use crate::FinishError;
use crate::profile::{self, Branch, Profile};

/// In so many requests, a branch that goes the other way once still has a usual way.
const USUAL: u64 = 16;

/// The module, which imports so many functions, and its profile with the functions that are used
/// numbered first: V8 enters all of them through a table in the order of their numbers.
pub(crate) fn numbered(
    module: &[u8],
    imported: u32,
    profile: &Profile,
) -> Result<(Vec<u8>, Profile), FinishError> {
    let mut order: Vec<usize> = (0..profile.len()).collect();
    order.sort_by_key(|function| {
        std::cmp::Reverse(profile.get(*function).map_or(0, |it| it.entered))
    });
    let mut numbers = vec![0; order.len()];
    for (number, function) in (imported..).zip(&order) {
        numbers.get_mut(*function).into_iter().for_each(|it| *it = number);
    }
    let mut numbered = Module::new();
    Numbering { imported, numbers }.parse_core_module(&mut numbered, Parser::new(0), module)?;
    let profile = order.iter().filter_map(|function| profile.get(*function).cloned()).collect();
    Ok((numbered.finish(), profile))
}

/// Writes the module with other numbers for its functions.
struct Numbering {
    imported: u32,
    /// The new number of each function that is not imported.
    numbers: Vec<u32>,
}

impl Numbering {
    /// What comes function by function, in the new order.
    fn in_order<T>(&self, items: Vec<T>) -> Vec<T> {
        let mut items: Vec<_> = self.numbers.iter().zip(items).collect();
        items.sort_by_key(|(number, _)| **number);
        items.into_iter().map(|(_, item)| item).collect()
    }
}

impl Reencode for Numbering {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<Infallible>> {
        let own = function.checked_sub(self.imported).and_then(|own| usize::try_from(own).ok());
        Ok(own.and_then(|own| self.numbers.get(own)).copied().unwrap_or(function))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        let types = section.into_iter().collect::<Result<Vec<u32>, _>>()?;
        for ty in self.in_order(types) {
            functions.function(ty);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        let bodies = section.into_iter().collect::<Result<Vec<_>, _>>()?;
        for body in self.in_order(bodies) {
            self.parse_function_body(code, body)?;
        }
        Ok(())
    }
}

/// The usual way of each branch that has one, in that many requests, as V8 reads it
/// (`metadata.code.branch_hint`, the WebAssembly proposal "Branch Hinting").
pub(crate) fn hints(
    module: &[u8],
    profile: &Profile,
    requests: u64,
) -> Result<BranchHints, FinishError> {
    let (imported, functions) = profile::branches(module)?;
    let mut hints = BranchHints::new();
    for (number, (places, function)) in (imported..).zip(functions.iter().zip(profile)) {
        let hint = |(place, branch): (&u32, &Branch)| {
            let usual = usual(*branch, requests)?;
            Some(BranchHint { branch_func_offset: *place, branch_hint_value: u32::from(usual) })
        };
        let known: Vec<_> = places.iter().zip(&function.branches).filter_map(hint).collect();
        if !known.is_empty() {
            hints.function_hints(number, known);
        }
    }
    Ok(hints)
}

/// Whether the condition usually holds; `None`: either, or nobody knows. Whatever is done once in
/// [`USUAL`] requests stays in the way, however often a request does something else there.
const fn usual(branch: Branch, requests: u64) -> Option<bool> {
    let (held, not) = (branch.held, branch.reached - branch.held);
    match (held * USUAL <= requests, not * USUAL <= requests) {
        (true, false) => Some(false),
        (false, true) => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        BlockType, ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection,
        Function as Code, GlobalSection, GlobalType, ImportSection, InstructionSink, RefType,
        TableSection, TableType, TypeSection, ValType,
    };
    use wasmi::{Engine, Instance, Linker, Store, Val};
    use wasmparser::{KnownCustom, Payload};

    use super::*;
    use crate::profile::{counter, counting};

    /// Imports a function that doubles, and exports one that calls a function of each number from a
    /// table, and three: the first adds one, the second asks the host, the third has a branch.
    fn module() -> Vec<u8> {
        let (mut types, mut imports, mut functions) =
            (TypeSection::new(), ImportSection::new(), FunctionSection::new());
        types.ty().function([ValType::I32], [ValType::I32]);
        types.ty().function([ValType::I32, ValType::I32], [ValType::I32]);
        imports.import("env", "double", EntityType::Function(0));
        for ty in [0, 0, 0, 1] {
            functions.function(ty);
        }
        let (mut tables, mut elements, mut exports) =
            (TableSection::new(), ElementSection::new(), ExportSection::new());
        let element_type = RefType::FUNCREF;
        tables.table(TableType {
            element_type,
            table64: false,
            minimum: 3,
            maximum: None,
            shared: false,
        });
        elements.active(None, &ConstExpr::i32_const(0), Elements::Functions([1, 2, 3][..].into()));
        exports.export("call", ExportKind::Func, 4);
        // as every module that a linker makes
        let (mut globals, val_type) = (GlobalSection::new(), ValType::I32);
        globals.global(
            GlobalType { val_type, mutable: true, shared: false },
            &ConstExpr::i32_const(0),
        );
        let mut code = CodeSection::new();
        let mut body = |write: &dyn Fn(&mut InstructionSink<'_>)| {
            let mut function = Code::new([]);
            write(&mut function.instructions());
            function.instructions().end();
            code.function(&function);
        };
        body(&|code| {
            code.local_get(0).i32_const(1).i32_add();
        });
        body(&|code| {
            code.local_get(0).call(0);
        });
        body(&|code| {
            code.local_get(0).i32_const(9).i32_gt_s().if_(BlockType::Result(ValType::I32));
            code.i32_const(9).else_().local_get(0).call(2).end();
        });
        body(&|code| {
            code.local_get(0).local_get(1).call_indirect(0, 0);
        });
        let mut module = Module::new();
        module
            .section(&types)
            .section(&imports)
            .section(&functions)
            .section(&tables)
            .section(&globals);
        module.section(&exports).section(&elements).section(&code);
        module.finish()
    }

    /// The module, ready to be called.
    fn run(module: &[u8]) -> (Store<()>, Instance) {
        let engine = Engine::default();
        let module = wasmi::Module::new(&engine, module).unwrap();
        let (mut store, mut linker) = (Store::new(&engine, ()), Linker::new(&engine));
        linker.func_wrap("env", "double", |number: i32| number * 2).unwrap();
        let instance = linker.instantiate_and_start(&mut store, &module).unwrap();
        (store, instance)
    }

    fn call((store, instance): &mut (Store<()>, Instance), number: i32, function: i32) -> i32 {
        let mut result = [Val::I32(0)];
        let call = instance.get_func(&*store, "call").unwrap();
        call.call(&mut *store, &[Val::I32(number), Val::I32(function)], &mut result).unwrap();
        result[0].i32().unwrap()
    }

    /// What the module did with these numbers in its third function.
    fn profile_of(numbers: &[i32]) -> Profile {
        let (_, functions) = profile::branches(&module()).unwrap();
        let mut running = run(&counting(&module(), &functions).unwrap());
        for number in numbers {
            call(&mut running, *number, 2);
        }
        let (store, instance) = running;
        let mut names = (0..).map(counter);
        let mut next = || instance.get_global(&store, &names.next()?)?.get(&store).i64();
        profile::read(&functions, || next().unwrap().cast_unsigned())
    }

    #[test]
    fn a_module_that_counts_does_the_same_and_knows_how_often() {
        let profile = profile_of(&[1, 2, 3, 10]);
        assert_eq!(profile.iter().map(|it| it.entered).collect::<Vec<_>>(), [0, 3, 4, 4]);
        assert_eq!(profile[2].branches, [Branch { reached: 4, held: 1 }]);
        assert!([0, 1, 3].iter().all(|other| profile[*other].branches.is_empty()));
    }

    #[test]
    fn what_is_used_is_numbered_first_and_does_the_same() {
        let (numbered, profile) = numbered(&module(), 1, &profile_of(&[1, 2, 3, 10])).unwrap();
        assert_eq!(profile.iter().map(|it| it.entered).collect::<Vec<_>>(), [4, 4, 3, 0]);
        let (mut before, mut after) = (run(&module()), run(&numbered));
        for (number, function) in
            (-3..13).flat_map(|number| [0, 1, 2].map(|function| (number, function)))
        {
            assert_eq!(call(&mut before, number, function), call(&mut after, number, function));
        }
    }

    #[test]
    fn a_branch_has_a_usual_way_if_hardly_any_request_goes_the_other() {
        for (reached, held, expected) in [
            (32, 0, Some(false)),
            (32, 2, Some(false)),
            (32, 3, None),
            (32, 29, None),
            (32, 30, Some(true)),
            // many times in each request: not usual, and still in the way
            (32_000, 320, None),
            (32_000, 2, Some(false)),
            (0, 0, None),
            (2, 1, None),
        ] {
            assert_eq!(usual(Branch { reached, held }, 32), expected, "{held} of {reached}");
        }
    }

    #[test]
    fn a_hint_stands_at_its_branch() {
        let profile = profile_of(&[1, 2, 3]);
        let shipped = |requests| {
            let hints = hints(&module(), &profile, requests).unwrap();
            let mut found = Vec::new();
            let mut with_hints = Module::new();
            with_hints.section(&hints);
            for payload in Parser::new(0).parse_all(&with_hints.finish()) {
                let Payload::CustomSection(section) = payload.unwrap() else { continue };
                let KnownCustom::BranchHints(functions) = section.as_known() else { continue };
                for function in functions {
                    let function = function.unwrap();
                    let hints = function.hints.into_iter().map(Result::unwrap);
                    found.extend(hints.map(|hint| (function.func, hint.func_offset, hint.taken)));
                }
            }
            found
        };
        // no locals; local.get 0, i32.const 9, i32.gt_s: each two bytes but the last
        assert_eq!(shipped(3), [(3, 6, false)]);
        assert_eq!(shipped(300), [], "hardly any request comes here");
    }
}
