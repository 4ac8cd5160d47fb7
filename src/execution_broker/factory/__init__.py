"""The only place where objects are wired."""

from execution_broker.factory.administrator import ADMINISTRATOR, PASSWORD_FILE, make_administrator
from execution_broker.factory.answers import make_services
from execution_broker.factory.opening import Instance, database_opener, open_instance
from execution_broker.factory.outside import Outside, make_outside
from execution_broker.factory.pools import PoolPlan, plan_pools
from execution_broker.factory.work import Work, make_work, working

__all__ = [
    "ADMINISTRATOR",
    "PASSWORD_FILE",
    "Instance",
    "Outside",
    "PoolPlan",
    "Work",
    "database_opener",
    "make_administrator",
    "make_outside",
    "make_services",
    "make_work",
    "open_instance",
    "plan_pools",
    "working",
]
