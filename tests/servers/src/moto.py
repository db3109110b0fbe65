# moto, with one request at a time. It looks whether an object is there and only then stores it, on several threads: of
# two conditional writes at once, both would now and then succeed, which no S3 allows. And a listing fails where another
# thread adds or removes an object meanwhile.

import os
import sys
import threading

from moto.s3.responses import S3Response
from moto.server import main

one_at_a_time = threading.RLock()


def alone(respond):
    def respond_alone(self, *arguments):
        with one_at_a_time:
            return respond(self, *arguments)

    return respond_alone


# Ends with the process that started it, however that ended.
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()

# By now the request has come whole.
S3Response._bucket_response = alone(S3Response._bucket_response)
S3Response._key_response = alone(S3Response._key_response)
sys.exit(main(sys.argv[1:]))
