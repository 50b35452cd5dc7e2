/** Apart, so that who has to tell its errors from others need not load a whole mirror. */
export { ProxyError } from '../registry/proxy.ts';
