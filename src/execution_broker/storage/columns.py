"""What the tables are made of, said for both databases."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Text,
    Uuid,
)
from sqlalchemy.types import JSON, TIMESTAMP, TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

KEY: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")
INSTANT: TypeEngine[Any] = TIMESTAMP(timezone=True).with_variant(Integer(), "sqlite")
UUID: TypeEngine[Any] = Uuid().with_variant(String(36), "sqlite")
DOCUMENT: TypeEngine[Any] = JSON().with_variant(Text(), "sqlite")


def key() -> Column[int]:
    return Column("id", KEY, primary_key=True, autoincrement=True)


def of(table: str, *, nullable: bool = False, primary: bool = False) -> Column[int]:
    name = f"{table}_id"
    return Column(
        name,
        KEY,
        ForeignKey(f"{table}.id", ondelete="CASCADE"),
        nullable=nullable,
        primary_key=primary,
    )


def instant(name: str, *, nullable: bool = True) -> Column[Any]:
    return Column(f"{name}_at", INSTANT, nullable=nullable)
