"""Values made for a JSON Schema fit it."""

import datetime as dt
import enum
import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from aiapp_serving.json_examples import value_of


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: float = 0.0


class Row(TypedDict):
    name: str
    when: dt.datetime


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Tree(BaseModel):
    left: "Tree | None"
    leaves: list["Tree"]


class Always(BaseModel):
    shown: Annotated[int, Field(examples=[7, 8])]


@pytest.mark.parametrize(
    "annotation",
    [
        *(int, float, str, bool, None, list[float], dict[str, int], tuple[int, str], set[int], bytes),
        *(Colour, Point, Row, Tree, Always, uuid.UUID, dt.date, dt.timedelta, int | str, list[Point]),
        Annotated[int, Field(gt=3)],
        Annotated[int, Field(lt=-3)],
        Annotated[int, Field(ge=3, le=3)],
        Annotated[int, Field(gt=3, multiple_of=5)],
        Annotated[int, Field(lt=3, multiple_of=5)],
        Annotated[float, Field(gt=0, lt=0.1)],
        Annotated[float, Field(le=-2)],
        Annotated[str, Field(min_length=9)],
        Annotated[str, Field(max_length=2)],
        Annotated[list[int], Field(min_length=3)],
        Annotated[list[int], Field(max_length=0)],
        Annotated[Cat | Dog, Field(discriminator="kind")],
    ],
    ids=str,
)
def test_the_value_is_accepted(annotation: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    schema = adapter.json_schema()
    adapter.validate_python(value_of(schema, schema.get("$defs", {})))


def test_the_author_s_own_example_comes_first() -> None:
    schema = TypeAdapter(Always).json_schema()
    assert value_of(schema, {}) == {"shown": 7}
