//! Runs the module on the requests of [`workload`](crate::workload), to see which way its branches
//! go.
use wasmi::{Config, Engine, Error, Extern, Instance, Linker, Module, Store, Val};

use crate::host::{self, Host};
use crate::profile::{self, Function, Profile};
use crate::workload::{self, Expected, Policy, Request};

/// `Action::Continue` of Proxy-Wasm.
const CONTINUE: i32 = 0;

/// What the functions of the module do at these requests. `counting` is the module that counts;
/// `functions` are those of the module, with their branches.
pub(crate) fn profile(counting: &[u8], functions: &[Vec<u32>]) -> Result<Profile, Error> {
    let mut config = Config::default();
    config.wasm_simd(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, counting)?;
    let mut store = Store::new(&engine, Host::default());
    let mut linker = Linker::new(&engine);
    for import in module.imports() {
        host::define(&mut linker, &import)?;
    }
    let instance = linker.instantiate_and_start(&mut store, &module)?;
    call(&mut store, instance, "_initialize", &[])?;
    for policy in Policy::ALL {
        store.data_mut().configuration = policy.document().into();
        let size = length(store.data().configuration.len());
        call(&mut store, instance, "proxy_on_context_create", &[root(policy), 0])?;
        call(&mut store, instance, "proxy_on_vm_start", &[root(policy), 0])?;
        if call(&mut store, instance, "proxy_on_configure", &[root(policy), size])? != Some(1) {
            return Err(Error::new(format!("its policy {policy:?} is not taken")));
        }
    }
    let before = read(&store, instance, functions);
    for (number, request) in workload::requests().enumerate() {
        let action = send(&mut store, instance, length(number) + FIRST_STREAM, &request)?;
        if (action == Some(CONTINUE)) != (request.expected == Expected::Passes) {
            let expected = request.expected;
            return Err(Error::new(format!(
                "request {number}, which should be {expected:?}, is not"
            )));
        }
    }
    let after = read(&store, instance, functions);
    Ok(before.iter().zip(after).map(|(before, after)| between(before, after)).collect())
}

/// What happened from one look at a function to the next.
fn between(before: &Function, mut after: Function) -> Function {
    after.entered -= before.entered;
    for (after, before) in after.branches.iter_mut().zip(&before.branches) {
        after.reached -= before.reached;
        after.held -= before.held;
    }
    after
}

/// A root context for each policy, and the streams after them.
const fn root(policy: Policy) -> i32 {
    1 + policy as i32
}
const FIRST_STREAM: i32 = 10;

pub(crate) fn length(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// What becomes of the headers of a request.
fn send(
    store: &mut Store<Host>,
    instance: Instance,
    stream: i32,
    request: &Request,
) -> Result<Option<i32>, Error> {
    store.data_mut().headers.clone_from(&request.headers);
    let ends = i32::from(!request.has_body);
    call(store, instance, "proxy_on_context_create", &[stream, root(request.policy)])?;
    let action = call(
        store,
        instance,
        "proxy_on_request_headers",
        &[stream, length(request.headers.len()), ends],
    )?;
    if request.has_body {
        call(store, instance, "proxy_on_request_body", &[stream, 100, 1])?;
    }
    call(store, instance, "proxy_on_delete", &[stream])?;
    Ok(action)
}

/// Calls an export with these arguments; what it returns, if it does.
pub(crate) fn call(
    store: &mut Store<Host>,
    instance: Instance,
    name: &str,
    arguments: &[i32],
) -> Result<Option<i32>, Error> {
    let missing = || Error::new(format!("the module exports no `{name}`"));
    let function = instance.get_func(&*store, name).ok_or_else(missing)?;
    let arguments: Vec<_> = arguments.iter().map(|it| Val::I32(*it)).collect();
    let mut results = vec![Val::I32(0); function.ty(&*store).results().len()];
    function.call(&mut *store, &arguments, &mut results)?;
    Ok(results.first().and_then(Val::i32))
}

fn read(store: &Store<Host>, instance: Instance, functions: &[Vec<u32>]) -> Profile {
    let mut names = (0..).map(profile::counter);
    let counter = |name: &str| match instance.get_export(store, name) {
        Some(Extern::Global(global)) => global.get(store).i64().map_or(0, i64::cast_unsigned),
        _ => 0,
    };
    profile::read(functions, || names.next().map_or(0, |name| counter(&name)))
}
