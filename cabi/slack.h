/* slack.h - see slack.c. */
#ifndef JIA_SLACK_H
#define JIA_SLACK_H

/* jia_restore_slack gives the calling thread the timer slack that the process began with. */
void jia_restore_slack(void);

#endif
