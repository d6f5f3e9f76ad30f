//! Organisations, memberships, and the relations that follow from them.

use async_trait::async_trait;
use portcullis_principal::PrincipalId;
use sqlx::any::AnyRow;
use sqlx::query;

use super::delegations;
use super::rows::{ROLES, before, count, id, optional_id, optional_time, text, value, who, word};
use super::transaction::{SqlTransaction, Statement, column};
use crate::application::ports::{Organisations, Page, StoreError};
use crate::domain::organisation::{EndMembership, Membership, Organisation};
use crate::domain::ownership::{Permit, Warranted};
use crate::domain::relations::{Bond, Post, Relations};
use crate::domain::values::{MembershipId, OrganisationId};

#[async_trait]
impl Organisations for SqlTransaction {
    async fn relations(&mut self, caller: &PrincipalId, bond: Bond<'_>) -> Result<Relations, StoreError> {
        match bond {
            Bond::None => Ok(Relations::default()),
            Bond::Person(person) => self.relations_to_person(caller, person).await,
            Bond::Organisation(organisation) => self.relations_to_organisation(caller, organisation).await,
        }
    }

    async fn organisation(
        &mut self,
        organisation: OrganisationId,
    ) -> Result<Option<Organisation>, StoreError> {
        self.lock("SELECT id FROM organisations WHERE id = $1 FOR UPDATE", organisation.to_string()).await?;
        let statement = query("SELECT * FROM organisations WHERE id = $1").bind(organisation.to_string());
        self.fetch_optional(statement).await?.as_ref().map(node).transpose()
    }

    async fn insert_organisation(
        &mut self,
        organisation: &Warranted<Organisation>,
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

    async fn membership(&mut self, membership: MembershipId) -> Result<Option<Membership>, StoreError> {
        self.lock("SELECT id FROM memberships WHERE id = $1 FOR UPDATE", membership.to_string()).await?;
        let statement = query("SELECT * FROM memberships WHERE id = $1").bind(membership.to_string());
        self.fetch_optional(statement).await?.as_ref().map(place).transpose()
    }

    async fn insert_membership(&mut self, membership: &Warranted<Membership>) -> Result<(), StoreError> {
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

    async fn update_membership(&mut self, membership: &Warranted<Membership>) -> Result<(), StoreError> {
        let statement = query("UPDATE memberships SET role = $1, accepted_at = $2 WHERE id = $3");
        self.change_one(bind(statement, membership)).await
    }

    async fn delete_membership(&mut self, permit: &Permit<EndMembership>) -> Result<(), StoreError> {
        let statement = query("DELETE FROM memberships WHERE id = $1").bind(permit.on().id.to_string());
        self.change_one(statement).await
    }

    async fn members_of(
        &mut self,
        organisation: OrganisationId,
        page: Page<MembershipId>,
    ) -> Result<Vec<Membership>, StoreError> {
        let statement = query(
            "SELECT * FROM memberships WHERE organisation_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        );
        let statement =
            statement.bind(organisation.to_string()).bind(before(&page)).bind(i64::from(page.limit));
        self.fetch_all(statement).await?.iter().map(place).collect()
    }

    async fn memberships_of(
        &mut self,
        who: &PrincipalId,
        page: Page<MembershipId>,
    ) -> Result<Vec<(Membership, Organisation)>, StoreError> {
        let statement = query(
            "SELECT * FROM memberships WHERE issuer = $1 AND subject = $2 AND id < $3 ORDER BY id DESC LIMIT $4",
        );
        let statement = statement
            .bind(who.issuer().to_owned())
            .bind(who.subject().to_owned())
            .bind(before(&page))
            .bind(i64::from(page.limit));
        let mut memberships = Vec::new();
        for row in self.fetch_all(statement).await? {
            let membership = place(&row)?;
            let statement =
                query("SELECT * FROM organisations WHERE id = $1").bind(membership.organisation.to_string());
            // a foreign key holds that it is there
            if let Some(row) = self.fetch_optional(statement).await? {
                memberships.push((membership, node(&row)?));
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
        let posts = self
            .fetch_all(both(query(
                "WITH RECURSIVE up (node, above, theirs) AS (
                     SELECT organisation_id, 0, role FROM memberships
                     WHERE issuer = $3 AND subject = $4 AND accepted_at IS NOT NULL
                     UNION ALL
                     SELECT o.parent_id, up.above + 1, up.theirs FROM up JOIN organisations o ON o.id = up.node
                     WHERE o.parent_id IS NOT NULL
                 )
                 SELECT m.organisation_id, m.role, up.above, up.theirs FROM up
                 JOIN memberships m ON m.organisation_id = up.node
                 WHERE m.issuer = $1 AND m.subject = $2 AND m.accepted_at IS NOT NULL
                 ORDER BY up.above, m.organisation_id",
            )))
            .await?;
        Ok(Relations {
            delegations: delegations.iter().map(delegations::read).collect::<Result<_, _>>()?,
            posts: posts.iter().map(post).collect::<Result<_, _>>()?,
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
             SELECT m.organisation_id, m.role, up.above, CAST(NULL AS TEXT) AS theirs FROM up
             JOIN memberships m ON m.organisation_id = up.node
             WHERE m.issuer = $1 AND m.subject = $2 AND m.accepted_at IS NOT NULL
             ORDER BY up.above",
        );
        let statement = statement
            .bind(caller.issuer().to_owned())
            .bind(caller.subject().to_owned())
            .bind(organisation.to_string());
        let posts = self.fetch_all(statement).await?;
        Ok(Relations { delegations: Vec::new(), posts: posts.iter().map(post).collect::<Result<_, _>>()? })
    }
}

fn bind(statement: Statement, membership: &Membership) -> Statement {
    statement
        .bind(word(&ROLES, &membership.role))
        .bind(membership.accepted_at.map(|at| at.0))
        .bind(membership.id.to_string())
}

fn post(row: &AnyRow) -> Result<Post, StoreError> {
    let theirs: Option<String> = column(row, "theirs")?;
    Ok(Post {
        organisation: id(row, "organisation_id")?,
        role: value(&ROLES, column(row, "role")?)?,
        above: count(row, "above")?,
        theirs: theirs.map(|role| value(&ROLES, &role)).transpose()?,
    })
}

fn node(row: &AnyRow) -> Result<Organisation, StoreError> {
    Ok(Organisation {
        id: id(row, "id")?,
        name: text(row, "name")?,
        parent: optional_id(row, "parent_id")?,
        depth: count(row, "depth")?,
    })
}

fn place(row: &AnyRow) -> Result<Membership, StoreError> {
    Ok(Membership {
        id: id(row, "id")?,
        organisation: id(row, "organisation_id")?,
        member: who(row, "issuer", "subject")?,
        role: value(&ROLES, column(row, "role")?)?,
        accepted_at: optional_time(row, "accepted_at")?,
    })
}
