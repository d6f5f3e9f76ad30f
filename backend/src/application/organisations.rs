//! Use cases of organisations.

use uuid::Uuid;

use super::failure::Failure;
use super::session::{Caller, Input, Session, Shop};
use crate::domain::organisation::{AddDepartment, Organisation, ReadOrganisation};
use crate::domain::values::{MembershipId, OrganisationId, Text};

/// Creates an organisation. Any caller may; the caller becomes its manager.
///
/// # Errors
/// See [`Failure`].
pub async fn create_organisation(
    shop: &Shop,
    caller: &Caller,
    input: impl Input<Text<200>>,
) -> Result<Organisation, Failure> {
    let mut session = Session::write(shop, caller).await?;
    let (id, membership) = (OrganisationId(Uuid::now_v7()), MembershipId(Uuid::now_v7()));
    let (company, manager) =
        Organisation::create(id, input()?, &caller.principal, membership, session.now);
    session.tx.insert_organisation(&company).await?;
    session.tx.insert_membership(&manager).await?;
    session.commit(company.into_inner()).await
}

/// Returns an organisation to the members of it or of an organisation above it.
///
/// # Errors
/// See [`Failure`].
pub async fn read_organisation(
    shop: &Shop,
    caller: &Caller,
    id: OrganisationId,
) -> Result<Organisation, Failure> {
    let mut session = Session::read(shop, caller).await?;
    let organisation =
        session.tx.organisation(id).await?.ok_or(Failure::NotFound("organisation"))?;
    let permit = session.authorize::<ReadOrganisation>(organisation).await?;
    session.commit(permit.into_inner()).await
}

/// Adds a department. The managers of the organisations above also manage the department.
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
    let parent = session.tx.organisation(parent).await?.ok_or(Failure::NotFound("organisation"))?;
    let permit = session.authorize::<AddDepartment>(parent).await?;
    let department = permit.add(OrganisationId(Uuid::now_v7()), input()?)?;
    session.tx.insert_organisation(&department).await?;
    session.commit(department.into_inner()).await
}
