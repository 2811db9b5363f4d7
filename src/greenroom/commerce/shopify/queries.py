"""What is asked of Shopify's Admin GraphQL API.

Names and meanings are those of https://shopify.dev/docs/api/admin-graphql. The products need the
access scope `read_products`, the policies `read_legal_policies`.
"""

from __future__ import annotations

API_VERSION = "2026-10"
"""The latest stable version in November 2026. A version is supported for at least a year; later
Shopify answers as the oldest one that it still supports."""

ACTIVE = "status:active"
"""The `query` argument for products that are for sale."""

MAX_PAGE = 250
"""The most that a connection gives at once."""

FIRST_VARIANTS = 30
"""Variants that come with a product; more are asked for by VARIANTS."""

_VARIANT = """
fragment VariantFields on ProductVariant {
  id price inventoryQuantity inventoryPolicy availableForSale
  selectedOptions { name value }
}
"""

_PRODUCT = (
    """
fragment ProductFields on Product {
  id title descriptionHtml productType vendor tags status tracksInventory
  category { name }
  featuredMedia { preview { image { url } } }
  variants(first: $variants) {
    nodes { ...VariantFields }
    pageInfo { hasNextPage endCursor }
  }
}
"""
    + _VARIANT
)

PRODUCTS = (
    """
query Products(
  $first: Int!, $after: String, $query: String!, $sort: ProductSortKeys!, $variants: Int!
) {
  products(first: $first, after: $after, query: $query, sortKey: $sort) {
    nodes { ...ProductFields }
    pageInfo { hasNextPage endCursor }
  }
}
"""
    + _PRODUCT
)

PRODUCT = (
    """
query Product($id: ID!, $variants: Int!) {
  product(id: $id) { ...ProductFields }
}
"""
    + _PRODUCT
)

VARIANTS = (
    """
query Variants($id: ID!, $first: Int!, $after: String) {
  product(id: $id) {
    variants(first: $first, after: $after) {
      nodes { ...VariantFields }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
    + _VARIANT
)

IDS = """
query Ids($first: Int!, $after: String, $query: String!) {
  products(first: $first, after: $after, query: $query, sortKey: ID) {
    nodes { id }
    pageInfo { hasNextPage endCursor }
  }
}
"""

COUNT = """
query Count($query: String!) {
  productsCount(query: $query) { count }
}
"""

# Without variables, `first` or fragments; a connection has `edges` there.
# https://shopify.dev/docs/api/usage/bulk-operations/queries
BULK_PRODUCTS = """
{
  products(query: "status:active") {
    edges { node {
      id title descriptionHtml productType vendor tags status tracksInventory
      category { name }
      featuredMedia { preview { image { url } } }
      variants {
        edges { node {
          id price inventoryQuantity inventoryPolicy availableForSale
          selectedOptions { name value }
        } }
      }
    } }
  }
}
"""

BULK_START = """
mutation BulkStart($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: true) {
    bulkOperation { id }
    userErrors { field message }
  }
}
"""

BULK_STATUS = """
query BulkStatus($id: ID!) {
  node(id: $id) {
    ... on BulkOperation { status errorCode url }
  }
}
"""

SHOP = """
query Shop {
  shop { currencyCode primaryDomain { url } }
}
"""

POLICIES = """
query Policies {
  shop { shopPolicies { type title body url } }
}
"""
