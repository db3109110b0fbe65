'use strict';

const { SessionStore, Undelivered } = require('./store.js');
const { durable, wrapped } = require('./options.js');
const { ofNative, called, ...errors } = require('./errors.js');

module.exports = { SessionStore, Undelivered, durable, wrapped, ...errors };
