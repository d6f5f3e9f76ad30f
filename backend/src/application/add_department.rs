//! Put a node below a node.

use uuid::Uuid;

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::input::Input;
use super::shop::Shop;
use crate::domain::id::OrganisationId;
use crate::domain::organisation::Organisation;
use crate::domain::ownership::AddDepartment;
use crate::domain::text::Text;

/// Adds the department. Whoever manages the node above manages it too.
///
/// # Errors
/// See [`Failure`].
pub async fn add_department(
    shop: &Shop,
    caller: &Caller,
    parent: OrganisationId,
    input: impl Input<Text<200>>,
) -> Result<Organisation, Failure> {
    let mut session = Session::write(shop, caller).await?;
    let parent = session.tx.organisation(parent).await?.ok_or(Failure::Absent("organisation"))?;
    let permit = session.admit::<AddDepartment>(parent).await?;
    let department = permit.add(OrganisationId(Uuid::now_v7()), input()?)?;
    session.tx.insert_organisation(&department).await?;
    session.done(department.into_inner()).await
}
