//! Does a row of the role table stand for a route of the service? Parameter names are each side's
//! own affair.

/// Whether the gateway's `row` covers the service's `route`: both are path templates
/// (`/orders/{order_id}`). They must be equal once the parameters' names are erased; a row that
/// ends in `{*rest}` covers every route below its prefix.
pub(crate) fn covers(row: &str, route: &str) -> bool {
    let (row, route) = (erase_names(row), erase_names(route));
    match row.strip_suffix("{*}") {
        Some(prefix) => route.strip_prefix(prefix).is_some_and(|below| !below.is_empty()),
        None => row == route,
    }
}

/// `/orders/{order_id}/{*rest}` becomes `/orders/{}/{*}`; escaped braces (`{{`, `}}`) stay as they
/// are.
fn erase_names(template: &str) -> String {
    let mut erased = String::with_capacity(template.len());
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        erased.push(c);
        if c != '{' {
            continue;
        }
        if let Some(escaped) = chars.next_if_eq(&'{') {
            erased.push(escaped);
            continue;
        }
        erased.extend(chars.next_if_eq(&'*'));
        // a name ends with its segment
        erased.extend(chars.by_ref().find(|c| matches!(c, '}' | '/')));
    }
    erased
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_row_covers_the_route_of_its_shape_whatever_the_parameters_are_called() {
        for (row, route, expected) in [
            ("/orders", "/orders", true),
            ("/orders/{order_id}", "/orders/{id}", true),
            ("/orders/{id}/lines/{n}", "/orders/{a}/lines/{b}", true),
            ("/orders/{id}", "/orders", false),
            ("/orders", "/orders/{id}", false),
            ("/orders/{id}", "/products/{id}", false),
            ("/orders/{id}", "/orders/export", false),
            ("/orders/export", "/orders/{id}", false),
            ("/orders/{id}", "/orders/{*rest}", false),
            ("/orders/", "/orders", false),
            ("/files/{*rest}", "/files/{*path}", true),
            ("/files/{*rest}", "/files/{id}", true),
            ("/files/{*rest}", "/files/a/{b}", true),
            ("/files/{*rest}", "/files", false),
            ("/files/{*rest}", "/files/", false),
            ("/files/{*rest}", "/filesystem", false),
            ("/{tenant}/{*rest}", "/{t}/orders/{id}", true),
            ("/{tenant}/{*rest}", "/admin/orders", false),
            ("/{{literal}}", "/{{literal}}", true),
            ("/{{literal}}", "/{{other}}", false),
            ("/{unclosed", "/{x}", false),
            ("/orders/{order/id}", "/orders/{order_id}", false),
        ] {
            assert_eq!(covers(row, route), expected, "row {row}, route {route}");
        }
    }
}
