//! Organisations, memberships, and the relations that follow from them.

use async_trait::async_trait;
use portcullis_principal::PrincipalId;
use sqlx::any::AnyRow;
use sqlx::query;

use super::delegations;
use super::rows::{
    ROLES, count, decode, encode, id, optional_id, optional_time, principal_id, text, upper_bound,
};
use super::transaction::{SqlTransaction, Statement, column};
use crate::application::ports::{Organisations, Page, StoreError};
use crate::domain::organisation::{EndMembership, Membership, Organisation};
use crate::domain::ownership::{Authorized, Permit};
use crate::domain::relations::{Position, Relations, Relationship};
use crate::domain::values::{MembershipId, OrganisationId};

#[async_trait]
impl Organisations for SqlTransaction {
    async fn relations(
        &mut self,
        caller: &PrincipalId,
        relationship: Relationship<'_>,
    ) -> Result<Relations, StoreError> {
        match relationship {
            Relationship::None => Ok(Relations::default()),
            Relationship::Person(person) => self.relations_to_person(caller, person).await,
            Relationship::Organisation(organisation) => {
                self.relations_to_organisation(caller, organisation).await
            }
        }
    }

    async fn organisation(
        &mut self,
        organisation: OrganisationId,
    ) -> Result<Option<Organisation>, StoreError> {
        self.lock(
            "SELECT id FROM organisations WHERE id = $1 FOR UPDATE",
            organisation.to_string(),
        )
        .await?;
        let statement =
            query("SELECT * FROM organisations WHERE id = $1").bind(organisation.to_string());
        self.fetch_optional(statement).await?.as_ref().map(read_organisation).transpose()
    }

    async fn insert_organisation(
        &mut self,
        organisation: &Authorized<Organisation>,
    ) -> Result<(), StoreError> {
        let statement =
            query("INSERT INTO organisations (id, name, parent_id, depth) VALUES ($1, $2, $3, $4)");
        let statement = statement
            .bind(organisation.id.to_string())
            .bind(organisation.name.as_str().to_owned())
            .bind(organisation.parent.map(|id| id.to_string()))
            .bind(i64::from(organisation.depth));
        self.execute(statement).await.map(drop)
    }

    async fn membership(
        &mut self,
        membership: MembershipId,
    ) -> Result<Option<Membership>, StoreError> {
        self.lock("SELECT id FROM memberships WHERE id = $1 FOR UPDATE", membership.to_string())
            .await?;
        let statement =
            query("SELECT * FROM memberships WHERE id = $1").bind(membership.to_string());
        self.fetch_optional(statement).await?.as_ref().map(read_membership).transpose()
    }

    async fn insert_membership(
        &mut self,
        membership: &Authorized<Membership>,
    ) -> Result<(), StoreError> {
        let statement = query(
            "INSERT INTO memberships (role, accepted_at, id, organisation_id, issuer, subject)
             VALUES ($1, $2, $3, $4, $5, $6)",
        );
        let statement = bind(statement, membership)
            .bind(membership.organisation.to_string())
            .bind(membership.member.issuer().to_owned())
            .bind(membership.member.subject().to_owned());
        self.execute(statement).await.map(drop)
    }

    async fn update_membership(
        &mut self,
        membership: &Authorized<Membership>,
    ) -> Result<(), StoreError> {
        let statement = query("UPDATE memberships SET role = $1, accepted_at = $2 WHERE id = $3");
        self.execute_one(bind(statement, membership)).await
    }

    async fn delete_membership(
        &mut self,
        permit: &Permit<EndMembership>,
    ) -> Result<(), StoreError> {
        let statement =
            query("DELETE FROM memberships WHERE id = $1").bind(permit.resource().id.to_string());
        self.execute_one(statement).await
    }

    async fn members_of(
        &mut self,
        organisation: OrganisationId,
        page: Page<MembershipId>,
    ) -> Result<Vec<Membership>, StoreError> {
        let statement = query(
            "SELECT * FROM memberships WHERE organisation_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        );
        let statement = statement
            .bind(organisation.to_string())
            .bind(upper_bound(&page))
            .bind(i64::from(page.limit));
        self.fetch_all(statement).await?.iter().map(read_membership).collect()
    }

    async fn memberships_of(
        &mut self,
        principal: &PrincipalId,
        page: Page<MembershipId>,
    ) -> Result<Vec<(Membership, Organisation)>, StoreError> {
        let statement = query(
            "SELECT * FROM memberships WHERE issuer = $1 AND subject = $2 AND id < $3 ORDER BY id DESC LIMIT $4",
        );
        let statement = statement
            .bind(principal.issuer().to_owned())
            .bind(principal.subject().to_owned())
            .bind(upper_bound(&page))
            .bind(i64::from(page.limit));
        let mut memberships = Vec::new();
        for row in self.fetch_all(statement).await? {
            let membership = read_membership(&row)?;
            let statement = query("SELECT * FROM organisations WHERE id = $1")
                .bind(membership.organisation.to_string());
            // a foreign key ensures that the organisation exists
            if let Some(row) = self.fetch_optional(statement).await? {
                memberships.push((membership, read_organisation(&row)?));
            }
        }
        Ok(memberships)
    }
}

impl SqlTransaction {
    async fn relations_to_person(
        &mut self,
        caller: &PrincipalId,
        person: &PrincipalId,
    ) -> Result<Relations, StoreError> {
        let both = |statement: Statement| {
            statement
                .bind(caller.issuer().to_owned())
                .bind(caller.subject().to_owned())
                .bind(person.issuer().to_owned())
                .bind(person.subject().to_owned())
        };
        let delegations = self
            .fetch_all(both(query(
                "SELECT * FROM delegations
                 WHERE delegate_issuer = $1 AND delegate_subject = $2 AND grantor_issuer = $3 AND grantor_subject = $4
                 ORDER BY id",
            )))
            .await?;
        let positions = self
            .fetch_all(both(query(
                "WITH RECURSIVE up (node, above, person_role) AS (
                     SELECT organisation_id, 0, role FROM memberships
                     WHERE issuer = $3 AND subject = $4 AND accepted_at IS NOT NULL
                     UNION ALL
                     SELECT o.parent_id, up.above + 1, up.person_role FROM up JOIN organisations o ON o.id = up.node
                     WHERE o.parent_id IS NOT NULL
                 )
                 SELECT m.organisation_id, m.role, up.above, up.person_role FROM up
                 JOIN memberships m ON m.organisation_id = up.node
                 WHERE m.issuer = $1 AND m.subject = $2 AND m.accepted_at IS NOT NULL
                 ORDER BY up.above, m.organisation_id",
            )))
            .await?;
        Ok(Relations {
            delegations: delegations.iter().map(delegations::read).collect::<Result<_, _>>()?,
            positions: positions.iter().map(read_position).collect::<Result<_, _>>()?,
        })
    }

    async fn relations_to_organisation(
        &mut self,
        caller: &PrincipalId,
        organisation: OrganisationId,
    ) -> Result<Relations, StoreError> {
        let statement = query(
            "WITH RECURSIVE up (node, above) AS (
                 SELECT id, 0 FROM organisations WHERE id = $3
                 UNION ALL
                 SELECT o.parent_id, up.above + 1 FROM up JOIN organisations o ON o.id = up.node
                 WHERE o.parent_id IS NOT NULL
             )
             SELECT m.organisation_id, m.role, up.above, CAST(NULL AS TEXT) AS person_role FROM up
             JOIN memberships m ON m.organisation_id = up.node
             WHERE m.issuer = $1 AND m.subject = $2 AND m.accepted_at IS NOT NULL
             ORDER BY up.above",
        );
        let statement = statement
            .bind(caller.issuer().to_owned())
            .bind(caller.subject().to_owned())
            .bind(organisation.to_string());
        let positions = self.fetch_all(statement).await?;
        Ok(Relations {
            delegations: Vec::new(),
            positions: positions.iter().map(read_position).collect::<Result<_, _>>()?,
        })
    }
}

fn bind(statement: Statement, membership: &Membership) -> Statement {
    statement
        .bind(encode(&ROLES, &membership.role))
        .bind(membership.accepted_at.map(|at| at.0))
        .bind(membership.id.to_string())
}

fn read_position(row: &AnyRow) -> Result<Position, StoreError> {
    let person_role: Option<String> = column(row, "person_role")?;
    Ok(Position {
        organisation: id(row, "organisation_id")?,
        role: decode(&ROLES, column(row, "role")?)?,
        levels_above: count(row, "above")?,
        person_role: person_role.map(|role| decode(&ROLES, &role)).transpose()?,
    })
}

fn read_organisation(row: &AnyRow) -> Result<Organisation, StoreError> {
    Ok(Organisation {
        id: id(row, "id")?,
        name: text(row, "name")?,
        parent: optional_id(row, "parent_id")?,
        depth: count(row, "depth")?,
    })
}

fn read_membership(row: &AnyRow) -> Result<Membership, StoreError> {
    Ok(Membership {
        id: id(row, "id")?,
        organisation: id(row, "organisation_id")?,
        member: principal_id(row, "issuer", "subject")?,
        role: decode(&ROLES, column(row, "role")?)?,
        accepted_at: optional_time(row, "accepted_at")?,
    })
}
