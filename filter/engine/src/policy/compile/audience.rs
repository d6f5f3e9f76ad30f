//! Lists of audiences, of a provider or of a service.

use super::super::error::{Mistakes, Place};
use super::super::text::{Quoted, is_printable};

/// Checks the values of an audience list that is there.
pub(super) fn audiences(
    place: &Place<'_>,
    list: &[String],
    help: &str,
    mistakes: &mut Mistakes,
) -> Box<[Box<str>]> {
    if list.is_empty() {
        mistakes.add(place, "there is no audience", help);
    }
    for (index, audience) in list.iter().enumerate() {
        if !is_printable(audience) {
            let message = format!("{} is no audience", Quoted(audience));
            mistakes.add(place.item(index), message, "write it as it stands in the token");
        }
    }
    list.iter().map(|audience| audience.as_str().into()).collect()
}
