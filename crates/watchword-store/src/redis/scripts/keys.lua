-- The keys registered.

return redis.call('SMEMBERS', base .. 'keys')
