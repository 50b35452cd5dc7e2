/** User and password of both registries, the webhook's secret and the admin token: it is a demo on loopback. */
export const password = 'demo';

export const basic = `Basic ${Buffer.from(`${password}:${password}`).toString('base64')}`;
