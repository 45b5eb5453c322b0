/* TODOS, a hacker, /worker/ and network/ are words like others */
