"""Hours of role-plays, one after another: do memory, open files, threads and tasks stay what they were?"""
