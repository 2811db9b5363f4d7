"""A Shopify shop as a catalogue: `shopify:<shop>.myshopify.com`."""
