-- Makes a session findable, for a batch of that number that is about to be appended.
local projects, sessions, numbers = KEYS[1], KEYS[2], KEYS[3]
local project, session, number = ARGV[1], ARGV[2], ARGV[3]

local indexed = redis.call('HGET', numbers, session) or '0'
if string.rep('0', 20 - #indexed) .. indexed < string.rep('0', 20 - #number) .. number then
  redis.call('HSET', numbers, session, number)
end
redis.call('ZADD', sessions, 0, session)
redis.call('ZADD', projects, 0, project)
