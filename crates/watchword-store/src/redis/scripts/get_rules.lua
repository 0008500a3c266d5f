-- A channel's rules, as they were put.

return redis.call('HMGET', rules_key(take(), take()), 'ip', 'target')
