"""What each tool takes: the schema that models and documentation see."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from greenroom.commerce.comparing import MAX_COMPARED

MAX_QUANTITY = 20
"""Units that one call may add."""

MAX_PRICE = Decimal(1_000_000)
_PRODUCT_HELP = (
    "the product's id, its title, or its position among the products found last ('1' is the first)"
)

ProductName = Annotated[str, Field(min_length=1, max_length=200, description=_PRODUCT_HELP)]
Size = Annotated[
    str, Field(min_length=1, max_length=40, description="as said or written: '10', 'M', 'large'")
]
Color = Annotated[str, Field(min_length=1, max_length=40, description="one colour: 'black'")]
Price = Annotated[
    Decimal,
    Field(ge=0, le=MAX_PRICE),
    # Models write prices as numbers; pydantic would show them a pattern for text as well.
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": int(MAX_PRICE)}),
]


class Parameters(BaseModel):
    """The base: what is not listed is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class SearchProducts(Parameters):
    """Find products. Say only what the shopper asked for; leave the rest out."""

    query: str = Field(
        "", max_length=200, description="what is looked for, in a few words: 'trail running shoes'"
    )
    category: str | None = Field(
        None, max_length=60, description="a whole category of the shop, such as 'footwear'"
    )
    min_price: Price | None = Field(None, description="lowest price, inclusive")
    max_price: Price | None = Field(None, description="highest price, inclusive")
    size: Size | None = None
    color: Color | None = None
    in_stock: bool | None = Field(
        None, description="true: only what can be bought now (in the size and colour, if given)"
    )
    limit: int = Field(5, ge=1, le=20, description="products to return")
    offset: int = Field(0, ge=0, le=10_000, description="products to skip: the next page")

    @model_validator(mode="after")
    def _prices_in_order(self) -> SearchProducts:
        if (
            self.min_price is not None
            and self.max_price is not None
            and self.min_price > self.max_price
        ):
            raise ValueError("min_price is above max_price")
        return self


class GetProductDetails(Parameters):
    """Everything about one product: description, price, colours, sizes, stock."""

    product_id: ProductName


class CheckInventory(Parameters):
    """Whether a product can be bought now, and in which sizes and colours."""

    product_id: ProductName
    size: Size | None = None
    color: Color | None = None


class CompareProducts(Parameters):
    """Two to four products beside each other: prices, sizes, colours, stock, what differs."""

    product_ids: list[ProductName] = Field(
        min_length=2, max_length=MAX_COMPARED, description="what is compared: " + _PRODUCT_HELP
    )


class AddToCart(Parameters):
    """Put a product into the cart. Size and colour are needed where the product has several."""

    product_id: ProductName
    size: Size | None = None
    color: Color | None = None
    quantity: int = Field(1, ge=1, le=MAX_QUANTITY)


class ViewCart(Parameters):
    """What is in the cart and what it costs."""


class RemoveFromCart(Parameters):
    """Take a product out of the cart, or some of its units."""

    product_id: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="id, title, or position in the cart ('1'); leave out to empty the cart",
    )
    quantity: int | None = Field(
        None, ge=1, le=1_000, description="units to remove; leave out to remove all of them"
    )


class CheckoutLink(Parameters):
    """Put a link on the shopper's screen at which the cart can be paid for."""


class GetPolicy(Parameters):
    """What the shop says of returns, shipping, payment and the like, in its own words."""

    topic: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="what is asked about: 'returns', 'how long does shipping take'; leave out for "
        "the list of topics",
    )
