/**
 * Turns a cart into an order. A cart is `{ items: [{ sku, count }] }`; prices come from the shop, never from the client.
 */
export function checkout(cart, products) {
  if (!Array.isArray(cart.items) || cart.items.length === 0) throw wrong("the cart is empty");
  const lines = cart.items.map(({ sku, count }) => {
    const product = products.find((each) => each.sku === sku);
    if (product === undefined) throw wrong(`there is no product ${sku}`);
    return { sku, count, cents: product.cents * count };
  });
  const total = lines.reduce((sum, line) => sum + line.cents, 0);
  return { lines, total: format(total) };
}

function format(cents) {
  return `${(cents / 100).toFixed(2)} EUR`;
}

function wrong(message) {
  return Object.assign(new Error(message), { status: 422 });
}
