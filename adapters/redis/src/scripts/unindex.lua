-- Forgets a session that a tombstone of that number ended, unless a later batch has been announced.
local projects, sessions, numbers = KEYS[1], KEYS[2], KEYS[3]
local project, session, tombstone = ARGV[1], ARGV[2], ARGV[3]

local indexed = redis.call('HGET', numbers, session) or '0'
if string.rep('0', 20 - #tombstone) .. tombstone < string.rep('0', 20 - #indexed) .. indexed then
  return
end
redis.call('HDEL', numbers, session)
redis.call('ZREM', sessions, session)
if redis.call('ZCARD', sessions) == 0 then
  redis.call('ZREM', projects, project)
end
